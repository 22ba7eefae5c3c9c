// Drives a running server through the unmodified SDK and prints what it answered, as JSON.
// node drive.js '{"mode": "ip", "port": 8080, "bucket": "demo-1250000000", ...}'
'use strict';

const COS = require('cos-nodejs-sdk-v5');

const config = JSON.parse(process.argv[2]);
const { bucket, port, region } = config;
const HOST = `${bucket}.ci.${region}.myqcloud.com`;

// The ways of pointing this SDK at a server of one's own.
const MODES = {
  url: { options: {}, base: `http://127.0.0.1:${port}` },
  ip: { options: { Ip: `127.0.0.1:${port}` }, base: `http://${HOST}` },
  proxy: { options: { Proxy: `http://127.0.0.1:${port}` }, base: `http://${HOST}` },
};

const mode = MODES[config.mode];
const cos = new COS({
  SecretId: config.secretId,
  SecretKey: config.secretKey,
  Protocol: 'http:',
  Domain: config.mode === 'url' ? `127.0.0.1:${port}` : '{Bucket}.cos.{Region}.myqcloud.com',
  ...mode.options,
});

function call(method, key, extra = {}) {
  return new Promise((resolve, reject) => {
    cos.request(
      { Bucket: bucket, Region: region, Method: method, Key: key, Url: `${mode.base}/${key}`, ...extra },
      (error, data) => (error ? reject(error) : resolve(data)),
    );
  });
}

function post(key, body) {
  return call('POST', key, { Headers: { 'Content-Type': 'application/xml' }, Body: body });
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return { status: error.statusCode, code: error.code, requestId: error.headers['x-cos-request-id'] };
  }
  return null;
}

async function ended(id) {
  const deadline = Date.now() + config.deadlineSeconds * 1000;
  for (;;) {
    const { JobsDetail } = (await call('GET', `inventorytriggerjob/${id}`)).Response;
    if (!['Submitted', 'Running', 'Pause'].includes(JobsDetail.State)) return JobsDetail;
    if (Date.now() > deadline) throw new Error(`job ${id} is still ${JobsDetail.State}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const WORKFLOW = `<Request><MediaWorkflow><Name>node-${config.mode}</Name><State>Paused</State><Topology>
  <Dependencies><Start>Hash</Start><Hash>End</Hash></Dependencies>
  <Nodes>
    <Start><Type>Start</Type><Input><ObjectPrefix>node/</ObjectPrefix></Input></Start>
    <Hash><Type>FileHashCode</Type><Operation>
      <FileHashCodeConfig><Type>MD5</Type></FileHashCodeConfig>
    </Operation></Hash>
  </Nodes></Topology></MediaWorkflow></Request>`;

function batch(workflowId, prefix) {
  return `<Request><Name>node-batch</Name><Type>Workflow</Type><Input><Prefix>${prefix}</Prefix></Input>
    <Operation><WorkflowIds>${workflowId}</WorkflowIds></Operation></Request>`;
}

async function main() {
  const prefix = `node/${config.mode}/`;
  const text = 'schwarz — 黑';
  await cos.putObject({ Bucket: bucket, Region: region, Key: `${prefix}a b.txt`, Body: text });
  const read = await cos.getObject({ Bucket: bucket, Region: region, Key: `${prefix}a b.txt` });
  const workflow = (await post('workflow', WORKFLOW)).Response.MediaWorkflow;
  const made = (await post('inventorytriggerjob', batch(workflow.WorkflowId, prefix))).Response;
  const job = await ended(made.JobsDetail.JobId);
  const listed = await call('GET', 'inventorytriggerjob', {
    Query: { type: 'Workflow', size: 10, workflowId: workflow.WorkflowId, name: '' },
  });
  const runs = await call('GET', 'workflowexecution', { Query: { workflowId: workflow.WorkflowId } });
  const run = runs.Response.WorkflowExecutionList;
  const detail = await call('GET', `workflowexecution/${run.RunId}`);
  const cancel = await call('PUT', `inventorytriggerjob/${job.JobId}`, { Action: 'cancel' });
  const unknown = await refused(call('PUT', 'inventorytriggerjob/b0', { Action: 'cancel' }));
  const active = await call('PUT', `workflow/${workflow.WorkflowId}`, { Action: 'active' });
  const forbidden = await refused(call('DELETE', `workflow/${workflow.WorkflowId}`));
  await call('PUT', `workflow/${workflow.WorkflowId}`, { Action: 'paused' });
  const deleted = await call('DELETE', `workflow/${workflow.WorkflowId}`);
  console.log(
    JSON.stringify({
      read: read.Body.toString(), text, workflow, made: made.JobsDetail, job,
      listed: listed.Response, run, detail: detail.Response.WorkflowExecution,
      cancelStatus: cancel.statusCode, unknown, active: active.Response, forbidden,
      deleted: deleted.Response,
    }),
  );
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
