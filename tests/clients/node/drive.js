// Drives a running server through the unmodified SDK and prints what it answered, as JSON.
// node drive.js '{"scenario": "templates", "mode": "ip", "port": 8080, "bucket": "demo-1250000000", ...}'
'use strict';

const { config } = require('./client');
const { everyday } = require('./everyday');
const calls = require('./calls');

const scenarios = { everyday, ...calls };

scenarios[config.scenario](`node/${config.mode}/${config.scenario}/`).then(
  (answers) => console.log(JSON.stringify(answers)),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
