// What most programs do: objects, a workflow, a batch job of it, and a look at what came of it.
'use strict';

const { call, config, download, ended, get, post, put, refused, upload } = require('./client');

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

async function everyday(prefix) {
  const text = 'schwarz — 黑';
  await upload(`${prefix}a b.txt`, text);
  const read = (await download(`${prefix}a b.txt`)).toString();
  const workflow = (await post('workflow', WORKFLOW)).MediaWorkflow;
  const path = `workflow/${workflow.WorkflowId}`;
  const renamed = (await put(path, WORKFLOW.replace('</Name>', '-2</Name>'))).MediaWorkflow;
  const found = (await get('workflow', { ids: workflow.WorkflowId })).MediaWorkflowList;
  const made = (await post('inventorytriggerjob', batch(workflow.WorkflowId, prefix))).JobsDetail;
  const job = await ended(`inventorytriggerjob/${made.JobId}`);
  const listed = await get('inventorytriggerjob', {
    type: 'Workflow', size: 10, workflowId: workflow.WorkflowId, name: '',
  });
  const run = (await get('workflowexecution', { workflowId: workflow.WorkflowId })).WorkflowExecutionList;
  const detail = (await get(`workflowexecution/${run.RunId}`)).WorkflowExecution;
  const cancel = await call('PUT', `inventorytriggerjob/${job.JobId}`, { Action: 'cancel' });
  const unknown = await refused(call('PUT', 'inventorytriggerjob/b0', { Action: 'cancel' }));
  const active = (await call('PUT', path, { Action: 'active' })).Response;
  const forbidden = await refused(call('DELETE', path));
  await call('PUT', path, { Action: 'paused' });
  const deleted = (await call('DELETE', path)).Response;
  return {
    text, read, workflow, renamed, found, made, job, listed, run, detail,
    cancelStatus: cancel.statusCode, unknown, active, forbidden, deleted,
  };
}

module.exports = { everyday };
