// The unmodified SDK pointed at a running server, and what programs around it do, in few words.
'use strict';

const COS = require('cos-nodejs-sdk-v5');

const config = JSON.parse(process.argv[2]);
const { bucket, port, region } = config;
const LOCAL = `127.0.0.1:${port}`;
const OPEN = ['Submitted', 'Running', 'Pause'];

// The ways of pointing this SDK at a server of one's own.
const OPTIONS = {
  url: { Domain: LOCAL },
  ip: { Domain: '{Bucket}.cos.{Region}.myqcloud.com', Ip: LOCAL },
  proxy: { Domain: '{Bucket}.cos.{Region}.myqcloud.com', Proxy: `http://${LOCAL}` },
};

const cos = new COS({
  SecretId: config.secretId,
  SecretKey: config.secretKey,
  Protocol: 'http:',
  ...OPTIONS[config.mode],
});

function base(host) {
  return config.mode === 'url' ? `http://${LOCAL}` : `http://${host}.${region}.myqcloud.com`;
}

function request(options) {
  return new Promise((resolve, reject) => {
    cos.request(options, (error, data) => (error ? reject(error) : resolve(data)));
  });
}

function call(method, key, extra = {}) {
  const url = `${base(`${bucket}.ci`)}/${key}`;
  return request({ Bucket: bucket, Region: region, Method: method, Key: key, Url: url, ...extra });
}

// A call of the account, which no bucket stands in.
function accountCall(method, key, extra = {}) {
  return request({ Region: region, Method: method, Key: key, Url: `${base('ci')}/${key}`, ...extra });
}

function send(method, key, body) {
  return call(method, key, { Headers: { 'Content-Type': 'application/xml' }, Body: body });
}

function xml(tree) {
  return COS.util.json2xml({ Request: tree });
}

async function get(key, query = {}) {
  return (await call('GET', key, { Query: query })).Response;
}

async function post(key, body) {
  return (await send('POST', key, body)).Response;
}

async function put(key, body) {
  return (await send('PUT', key, body)).Response;
}

async function upload(key, content) {
  await cos.putObject({ Bucket: bucket, Region: region, Key: key, Body: content });
}

async function download(key) {
  return (await cos.getObject({ Bucket: bucket, Region: region, Key: key })).Body;
}

async function refused(promise) {
  try {
    await promise;
  } catch (error) {
    return { status: error.statusCode, code: error.code, requestId: error.headers['x-cos-request-id'] };
  }
  return null;
}

// What a call tells of a job, as soon as its state is none of those given.
async function past(states, key) {
  const deadline = Date.now() + config.deadlineSeconds * 1000;
  for (;;) {
    const { JobsDetail } = await get(key);
    if (!states.includes(JobsDetail.State)) return JobsDetail;
    if (Date.now() > deadline) throw new Error(`${key} is still ${JobsDetail.State}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function ended(key) {
  return past(OPEN, key);
}

// What the SDK made of repeated elements, always as a list.
function asList(value) {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

// Every page of a list, each as a list of one field of its entries.
async function pages(key, query, entries, field) {
  const found = [];
  let token = '';
  do {
    const page = await get(key, { ...query, nextToken: token });
    found.push(asList(page[entries]).map((entry) => entry[field]));
    token = page.NextToken;
  } while (token);
  return found;
}

module.exports = {
  accountCall, asList, call, config, download, ended, get, pages, past, post, put, refused, upload, xml,
};
