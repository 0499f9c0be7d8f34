// Drives the vendor's SDK for sdk_test.py: one JSON call a line on stdin, one JSON outcome a line on stdout.
// The SDK itself comes from node_modules, unmodified, and learns where to go from its own environment variables.
'use strict';

const {createRequire} = require('module');
const path = require('path');
const readline = require('readline');
const smartcar = createRequire(path.join(process.env.KEYFOB_NODE_PACKAGES, 'x.js'))('smartcar');

const told = (error) => ({
  error: {...error, message: error.message, name: error.name, cause: error.cause && String(error.cause)},
});

// Items of a batch are functions that answer or throw.
const settled = (items) => Object.fromEntries(Object.entries(items).map(([name, item]) => {
  try {
    return [name, {ok: item()}];
  } catch (error) {
    return [name, told(error)];
  }
}));

const target = ({vehicle, auth}) => {
  if (vehicle) return new smartcar.Vehicle(vehicle.id, vehicle.token, vehicle.options);
  if (auth) return new smartcar.AuthClient(auth);
  return smartcar;
};

const carryOut = async(call) => {
  const answer = await target(call)[call.method](...call.args);
  return call.method === 'batch' ? settled(answer) : answer;
};

readline.createInterface({input: process.stdin}).on('line', async(line) => {
  const call = JSON.parse(line);
  let outcome;
  try {
    outcome = {ok: await carryOut(call)};
  } catch (error) {
    outcome = told(error);
  }
  process.stdout.write(`${JSON.stringify({...outcome, id: call.id})}\n`);
});
