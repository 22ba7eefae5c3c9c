// The other calls, one scenario a function: each takes a prefix for its objects and gives the answers.
'use strict';

const fs = require('fs');
const path = require('path');
const {
  accountCall, asList, call, config, download, ended, get, pages, past, post, put, refused, upload, xml,
} = require('./client');

const MD5 = { FileHashCodeConfig: { Type: 'MD5' } };
const SMALL = { ProcessRule: 'imageMogr2/thumbnail/8x8/format/png' };

// Store a file that lies beside this script; its key.
async function uploadFile(prefix, name) {
  await upload(prefix + name, fs.readFileSync(path.join(__dirname, name)));
  return prefix + name;
}

async function create(door, tag, key, operation) {
  const body = { Tag: tag, Input: { Object: key }, Operation: operation };
  return (await post(door, xml(body))).JobsDetail;
}

async function templates() {
  const name = `node-${config.mode}`;
  const made = (await post('template', xml({ Tag: 'FileHashCode', Name: name, ...MD5 }))).Template;
  const key = `template/${made.TemplateId}`;
  const listed = (await get('template', { category: 'Custom', name, pageNumber: 1, pageSize: 10 })).TemplateList;
  const change = { Tag: 'FileHashCode', Name: name, FileHashCodeConfig: { Type: 'SHA1' } };
  const changed = (await put(key, xml(change))).Template;
  const official = asList((await get('template', { category: 'Official', pageSize: 100 })).TemplateList);
  const deleted = (await call('DELETE', key)).Response;
  const gone = await refused(call('DELETE', key));
  return { made, listed, changed, officialNames: official.map((one) => one.Name), deleted, gone };
}

async function queues(prefix) {
  const key = await uploadFile(prefix, 'tone.wav');
  const listed = await get('queue', { state: 'All', pageNumber: 1, pageSize: 10 });
  const { Name, QueueId } = listed.QueueList;
  const change = (state) => put(`queue/${QueueId}`, xml({ Name, State: state, NotifyConfig: { State: 'Off' } }));
  const paused = (await change('Paused')).Queue;
  const made = await create('jobs', 'MediaInfo', key, '');
  const held = await past(['Submitted', 'Running'], `jobs/${made.JobId}`);
  const cancelStatus = (await call('PUT', `jobs/${made.JobId}`, { Action: 'cancel' })).statusCode;
  const cancelled = await ended(`jobs/${made.JobId}`);
  const resumed = (await change('Active')).Queue;
  return { listed, paused, held, cancelStatus, cancelled, resumed };
}

async function singleJobs(prefix) {
  await upload(`${prefix}a.txt`, 'abc');
  const output = { Region: config.region, Bucket: config.bucket, Object: `${prefix}small.png` };
  const made = [
    await create('file_jobs', 'FileHashCode', `${prefix}a.txt`, MD5),
    await create('jobs', 'MediaInfo', await uploadFile(prefix, 'tone.wav'), ''),
    await create('pic_jobs', 'PicProcess', await uploadFile(prefix, 'picture.png'), { PicProcess: SMALL, Output: output }),
  ];
  const [file, media, picture] = await Promise.all(made.map(({ JobId }) => ended(`jobs/${JobId}`)));
  const atDoors = [await ended(`file_jobs/${file.JobId}`), await ended(`pic_jobs/${picture.JobId}`)];
  const listed = asList((await get('jobs', { tag: 'MediaInfo', size: 100, states: 'Success' })).JobsDetail);
  const late = await refused(call('PUT', `jobs/${file.JobId}`, { Action: 'cancel' }));
  const unknown = (await get(`jobs/${media.JobId},j0`)).NonExistJobIds;
  const wrongDoor = await refused(create('pic_jobs', 'MediaInfo', `${prefix}tone.wav`, ''));
  return {
    made, file, media, picture, atDoors, listedIds: listed.map((job) => job.JobId), late, unknown, wrongDoor,
    pictureStart: (await download(output.Object)).subarray(1, 4).toString(),
  };
}

async function batchOfOneOperation(prefix) {
  for (const name of ['a', 'b']) await upload(`${prefix}${name}.txt`, name);
  const made = (await post('inventorytriggerjob', xml({
    Name: `node-${config.mode}`, Type: 'Job', Input: { Prefix: prefix },
    Operation: { Tag: 'FileHashCode', JobParam: MD5 },
  }))).JobsDetail;
  const job = await ended(`inventorytriggerjob/${made.JobId}`);
  const listed = asList((await get('inventorytriggerjob', { type: 'Job', size: 100 })).JobsDetail);
  return { made, job, listedIds: listed.map((one) => one.JobId) };
}

async function activation() {
  const query = { pageNumber: 1, pageSize: 10, bucketName: config.bucket };
  const media = (await accountCall('GET', 'mediabucket', { Query: query })).Response;
  const closed = (await call('DELETE', 'file_bucket')).Response;
  const refusedWhileClosed = await refused(get('file_queue'));
  const opened = (await call('POST', 'file_bucket')).Response;
  const again = await refused(call('POST', 'file_bucket'));
  return { media, closed, refusedWhileClosed, opened, again };
}

async function triggersAndPages(prefix) {
  const topology = {
    Dependencies: { Start: 'Hash', Hash: 'End' },
    Nodes: { Start: { Type: 'Start' }, Hash: { Type: 'FileHashCode', Operation: MD5 } },
  };
  const workflow = { Name: `node-pages-${config.mode}`, State: 'Paused', Topology: topology };
  const { WorkflowId } = (await post('workflow', xml({ MediaWorkflow: workflow }))).MediaWorkflow;
  const runIds = [];
  const jobIds = [];
  for (const name of ['a b', '+', '黑']) {
    await upload(prefix + name, name);
    const query = { workflowId: WorkflowId, object: prefix + name };
    runIds.push((await call('POST', 'triggerworkflow', { Query: query })).Response.InstanceId);
    jobIds.push((await create('file_jobs', 'FileHashCode', prefix + name, MD5)).JobId);
  }
  const query = { size: 2, orderByTime: 'Asc' };
  return {
    runIds, jobIds,
    runPages: await pages('workflowexecution', { ...query, workflowId: WorkflowId }, 'WorkflowExecutionList', 'RunId'),
    objectPages: await pages('workflowexecution', { ...query, workflowId: WorkflowId }, 'WorkflowExecutionList', 'Object'),
    jobPages: await pages('jobs', { ...query, tag: 'FileHashCode' }, 'JobsDetail', 'JobId'),
    missing: await refused(call('POST', 'triggerworkflow', { Query: { workflowId: WorkflowId, object: 'no/where' } })),
  };
}

module.exports = { templates, queues, singleJobs, batchOfOneOperation, activation, triggersAndPages };
