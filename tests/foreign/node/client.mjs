// Calls a gateway through @grpc/grpc-js and the bare .proto files.
//
// Reads one JSON object from stdin: target, includes (folders of .proto files), iin (a person
// nothing is known of), wrong (an IIN with a wrong check digit), reference (of a register). Prints
// one JSON object with what it found.

import { readFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import grpc from "@grpc/grpc-js";
import protoLoader from "@grpc/proto-loader";
import protobuf from "protobufjs";

const DEADLINE_MS = 20_000;
const asked = JSON.parse(readFileSync(0, "utf8"));

function contract() {
  const files = ["consumer_service", "payment_service", "category_service", "roster_service"];
  const definition = protoLoader.loadSync(
    files.map((name) => `osms/v1/${name}.proto`),
    {
      includeDirs: asked.includes,
      keepCase: true,
      longs: String,
      enums: String,
      oneofs: true,
      defaults: true,
    },
  );
  return grpc.loadPackageDefinition(definition).osms.v1;
}

function rpcTypes() {
  const root = new protobuf.Root();
  root.resolvePath = (_, path) =>
    asked.includes.map((folder) => join(folder, path)).find((file) => existsSync(file)) ?? path;
  root.loadSync(["google/rpc/status.proto", "google/rpc/error_details.proto"], { keepCase: true });
  return root;
}

function callsOf(v1) {
  const calls = {};
  for (const [name, made] of Object.entries(v1)) {
    if (made.service) calls[name] = Object.keys(made.service).sort();
  }
  return calls;
}

const deadline = () => ({ deadline: Date.now() + DEADLINE_MS });

function unary(client, method, request) {
  return new Promise((resolve, reject) => {
    const settle = (error, answer) => (error ? reject(error) : resolve(answer));
    client[method](request, deadline(), settle);
  });
}

function conversation(client, method, requests) {
  return new Promise((resolve, reject) => {
    const answers = [];
    const call = client[method](deadline());
    call.on("data", (answer) => answers.push(answer));
    call.on("error", reject);
    call.on("end", () => resolve(answers));
    for (const request of requests) call.write(request);
    call.end();
  });
}

// The details of an error stand in a trailer, as a google.rpc.Status with messages packed as Any.
function detailsOf(error) {
  const types = rpcTypes();
  const [bytes] = error.metadata.get("grpc-status-details-bin");
  const status = types.lookupType("google.rpc.Status").decode(bytes);
  const details = {};
  for (const any of status.details) {
    const name = any.type_url.split("/").pop();
    const type = types.lookupType(name);
    details[name] = type.toObject(type.decode(any.value), { longs: String });
  }
  return { code: error.code, status: status.code, message: status.message, details };
}

function register() {
  const row = { line_no: 1, iin: asked.iin, period: "2025-12", amount_tiyn: "425000" };
  return {
    source: "state_corporation",
    reference: asked.reference,
    received_on: "2026-01-10",
    payer: { bin: "160940025485", name: "ТОО «Береке»" },
    purpose_code: "122",
    declared: { people: 1, documents: 1, amount_tiyn: "425000" },
    rows: [row],
  };
}

const v1 = contract();
const credentials = grpc.credentials.createInsecure();
const consumers = new v1.ConsumerService(asked.target, credentials);
const payments = new v1.PaymentService(asked.target, credentials);
const question = { iin: asked.iin, purpose: "PURPOSE_RECEPTION", language: "LANGUAGE_RU" };

const found = { calls: callsOf(v1) };
found.before = (await unary(consumers, "LookupConsumer", question)).eligibility;
const registers = [{ register: register() }, { register: register() }];
found.registers = await conversation(payments, "IngestRegisters", registers);
const revision = found.registers[0].result.revision;
const after = { ...question, at_least_revision: revision };
found.after = (await unary(consumers, "LookupConsumer", after)).eligibility;
found.stream = await conversation(consumers, "StreamLookupConsumers", [
  { options: { purpose: "PURPOSE_ROSTER" }, items: [{ iin: asked.iin }, { iin: asked.wrong }] },
  { items: [{ iin: asked.iin }] },
]);
try {
  const wrong = { ...question, iin: asked.wrong, service_date: "2025-02-30" };
  await unary(consumers, "LookupConsumer", wrong);
} catch (error) {
  found.error = detailsOf(error);
}
process.stdout.write(JSON.stringify(found));
consumers.close();
payments.close();
