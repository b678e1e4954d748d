// Plays a short story with the public clients of the Connect protocol, gRPC-Web and gRPC.
//
// Usage: connect.cjs NODE_MODULES DESCRIPTORS GATEWAY TOKEN WALLET

const { randomUUID } = require("node:crypto");
const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");

const [modules, descriptors, baseUrl, token, wallet] = process.argv.slice(2);
const load = createRequire(`${modules}/`);
const { createFileRegistry, fromBinary } = load("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = load("@bufbuild/protobuf/wkt");
const { createClient, ConnectError, Code } = load("@connectrpc/connect");
const { createConnectTransport, createGrpcTransport, createGrpcWebTransport } = load("@connectrpc/connect-node");

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(descriptors)));
const headers = { authorization: `Bearer ${token}` };
const usd = (units, nanos = 0) => ({ currencyCode: "USD", units: BigInt(units), nanos });

async function story(transport) {
  const postings = createClient(registry.getService("payterms.wallet.v1.PostingService"), transport);
  const usage = createClient(registry.getService("payterms.wallet.v1.UsageService"), transport);
  const debit = { requestId: randomUUID(), wallet, amount: usd(1), description: "a call" };
  await postings.postDebit(debit, { headers });
  let replayed = "";
  await postings.postDebit(debit, { headers, onHeader: (given) => (replayed = given.get("idempotent-replayed") ?? "") });
  let refused = "nothing";
  try {
    await postings.postDebit({ ...debit, requestId: randomUUID(), amount: usd(1000) }, { headers });
  } catch (error) {
    const known = ConnectError.from(error);
    const info = registry.getMessage("google.rpc.ErrorInfo");
    const details = known.details.map((detail) => Buffer.from(detail.value ?? []).toString("latin1"));
    refused = info ? known.findDetails(info)[0].reason : /INSUFFICIENT_FUNDS/.exec(details.join())?.[0] ?? String(known);
    if (known.code !== Code.FailedPrecondition) throw known;
  }
  async function* records() {
    for (let count = 0; count < 3; count++) {
      const record = { requestId: randomUUID(), wallet, product: "sms", quantity: { value: "1" }, unitPrice: usd(0, 1000000) };
      yield { record };
    }
  }
  const streamed = await usage.recordUsageStream(records(), { headers });
  return `debited 1.00, ${replayed === "true" ? "replayed" : "not replayed"}, refused ${refused}, streamed ${streamed.recordedCount}`;
}

async function main() {
  const transports = {
    "connect+json": createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    "connect+proto": createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: true }),
    "grpc-web": createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
    grpc: createGrpcTransport({ baseUrl }),
  };
  for (const [name, transport] of Object.entries(transports)) {
    console.log(`${name}: ${await story(transport)}`);
  }
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
