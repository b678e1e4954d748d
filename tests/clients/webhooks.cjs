// Verifies requests of webhooks as a receiver in JavaScript does. Standard input is JSON: the secret, and requests with headers and body.
const { createRequire } = require("module");
const { readFileSync } = require("fs");
const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");

const given = JSON.parse(readFileSync(0, "utf8"));
const hook = new Webhook(given.secret);
const types = new Set();
for (const request of given.requests) {
  types.add(hook.verify(request.body, request.headers).type);
  let taken = true;
  try {
    hook.verify(request.body.replaceAll("acme", "other"), request.headers);
  } catch {
    taken = false;
  }
  if (taken) throw new Error("a body that was changed was taken");
}
console.log(given.requests.length, [...types].sort().join(","));
