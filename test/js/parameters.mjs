// Uses the server at AWS_ENDPOINT_URL through the parameters utility of Powertools
// for AWS Lambda, as a function would that reads its settings and secrets.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { ParameterNotFoundError, TransformParameterError } from "@aws-lambda-powertools/parameters/errors";
import { SecretsProvider } from "@aws-lambda-powertools/parameters/secrets";
import { SSMProvider } from "@aws-lambda-powertools/parameters/ssm";
import { CloudTrailClient, paginateLookupEvents } from "@aws-sdk/client-cloudtrail";
import { CreateAccessKeyCommand, CreateUserCommand, IAMClient, PutUserPolicyCommand } from "@aws-sdk/client-iam";
import { CreateAliasCommand, CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateSecretCommand, DeleteSecretCommand, PutSecretValueCommand, SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { PutParameterCommand, SSMClient } from "@aws-sdk/client-ssm";

const options = { maxAttempts: 1 };
const iam = new IAMClient(options);
const kms = new KMSClient(options);
const ssm = new SSMClient(options);
const secrets = new SecretsManagerClient(options);
const trail = new CloudTrailClient(options);

const put = (Name, Value, more = {}) => ssm.send(new PutParameterCommand({ Name, Value, Type: "String", ...more }));
const sealed = { Type: "SecureString", KeyId: "alias/parameter_store_key" };
const parameters = () => new SSMProvider({ clientConfig: options });
const secretsOf = () => new SecretsProvider({ clientConfig: options });

// requests are those of a name that asked for something in particular.
async function requests(EventName, about) {
  const found = [];
  const LookupAttributes = [{ AttributeKey: "EventName", AttributeValue: EventName }];
  for await (const page of paginateLookupEvents({ client: trail }, { LookupAttributes })) {
    found.push(...page.Events.map((e) => JSON.parse(e.CloudTrailEvent)));
  }
  return found.filter((e) => JSON.stringify(e.requestParameters).includes(about));
}

let key;

before(async () => {
  key = (await kms.send(new CreateKeyCommand({}))).KeyMetadata.Arn;
  await kms.send(new CreateAliasCommand({ AliasName: sealed.KeyId, TargetKeyId: key }));
});

test("one parameter, decrypted and taken apart", async () => {
  const login = { user: "app", password: "correct horse" };
  await put("/one/login", JSON.stringify(login), sealed);
  assert.deepEqual(await parameters().get("/one/login", { decrypt: true, transform: "json" }), login);

  const closed = await parameters().get("/one/login");
  assert.notEqual(closed, JSON.stringify(login));
  await assert.rejects(parameters().get("/one/login", { transform: "json" }), TransformParameterError);

  await put("/one/bytes", Buffer.from("bytes").toString("base64"));
  assert.equal(Buffer.from(await parameters().get("/one/bytes", { transform: "binary" })).toString(), "bytes");
});

test("a parameter's version", async () => {
  await put("/versions/a", "first");
  await put("/versions/a", "second", { Overwrite: true });
  assert.equal(await parameters().get("/versions/a"), "second");
  assert.equal(await parameters().get("/versions/a:1"), "first");
});

test("what is not there", async () => {
  await assert.rejects(parameters().get("/none"), (err) => err.cause.name === "ParameterNotFound");
  await assert.rejects(parameters().get("/none", { throwOnMissing: true }), ParameterNotFoundError);
  assert.deepEqual(await parameters().getMultiple("/none"), {});
  await assert.rejects(secretsOf().get("none"), (err) => err.cause.name === "ResourceNotFoundException");
  await assert.rejects(secretsOf().get("none", { throwOnMissing: true }), ParameterNotFoundError);
});

test("a path, over several pages", async () => {
  const want = {};
  for (let i = 0; i < 12; i++) {
    want[`p${i}`] = `value ${i}`;
    await put(`/tree/p${i}`, `value ${i}`, i % 2 ? sealed : {});
  }
  await put("/tree/deep/er.json", '{"deep": true}');
  await put("/treehouse/p", "of another path");
  assert.deepEqual(await parameters().getMultiple("/tree", { decrypt: true }), want);
  const all = await parameters().getMultiple("/tree", { decrypt: true, recursive: true, transform: "auto" });
  assert.deepEqual(all, { ...want, "deep/er.json": { deep: true } });
});

test("parameters by name, and the one that is missing", async () => {
  await put("/named/a", "1");
  await put("/named/b", "two", sealed);
  const got = await parameters().getParametersByName(
    { "/named/a": { transform: "json" }, "/named/b": { decrypt: true }, "/named/c": {} }, { throwOnError: false });
  assert.deepEqual(got, { "/named/a": 1, "/named/b": "two", _errors: ["/named/c"] });
});

test("a parameter that the utility writes", async () => {
  const p = parameters();
  assert.equal(await p.set("/written/a", { value: "one" }), 1);
  await assert.rejects(p.set("/written/a", { value: "two" }), (err) => err.cause.name === "ParameterAlreadyExists");
  assert.equal(await p.set("/written/a", { value: "two", overwrite: true }), 2);
  assert.equal(await p.get("/written/a"), "two");
});

test("the cache of parameters saves calls", async () => {
  await put("/cached/a", "old");
  const p = parameters();
  for (let i = 0; i < 10; i++) assert.equal(await p.get("/cached/a", { maxAge: 3600 }), "old");
  await put("/cached/a", "new", { Overwrite: true });
  assert.equal(await p.get("/cached/a", { maxAge: 3600 }), "old");
  assert.equal((await requests("GetParameter", "/cached/a")).length, 1);
  assert.equal(await p.get("/cached/a", { maxAge: 3600, forceFetch: true }), "new");
  assert.equal((await requests("GetParameter", "/cached/a")).length, 2);
});

test("the cache of parameters grows old", async (t) => {
  await put("/aging/a", "old");
  const p = parameters();
  assert.equal(await p.get("/aging/a", { maxAge: 60 }), "old");
  await put("/aging/a", "new", { Overwrite: true });
  const later = (seconds) => () => new Date().getTime() + 1000 * seconds; // within the skew that signatures may have
  const clock = t.mock.method(Date, "now", later(30));
  assert.equal(await p.get("/aging/a", { maxAge: 60 }), "old");
  clock.mock.mockImplementation(later(61));
  assert.equal(await p.get("/aging/a", { maxAge: 60 }), "new");
});

test("a secret, its stages, and the key that it is under", async () => {
  const login = { user: "app", password: "first" };
  await secrets.send(new CreateSecretCommand({ Name: "prod/db", SecretString: JSON.stringify(login), KmsKeyId: key }));
  const p = secretsOf();
  assert.deepEqual(await p.get("prod/db", { transform: "json", maxAge: 3600 }), login);
  await secrets.send(new PutSecretValueCommand({ SecretId: "prod/db", SecretString: JSON.stringify({ ...login, password: "second" }) }));
  assert.equal((await p.get("prod/db", { transform: "json", maxAge: 3600 })).password, "first");
  assert.equal((await requests("GetSecretValue", "prod/db")).length, 1);
  assert.equal((await p.get("prod/db", { transform: "json", forceFetch: true })).password, "second");
  const before = await secretsOf().get("prod/db", { transform: "json", sdkOptions: { VersionStage: "AWSPREVIOUS" } });
  assert.equal(before.password, "first");

  await secrets.send(new DeleteSecretCommand({ SecretId: "prod/db" }));
  await assert.rejects(secretsOf().get("prod/db"), (err) => err.cause.name === "InvalidRequestException");
});

test("a function that may read one path", async () => {
  await put("/mine/a", "one", sealed);
  await put("/mine/deep/b", "two");
  await put("/theirs/a", "three", sealed);
  const { KeyMetadata: other } = await kms.send(new CreateKeyCommand({}));
  await put("/mine/other", "four", { ...sealed, KeyId: other.Arn });
  const [, , , region, account] = key.split(":");
  const path = `arn:aws:ssm:${region}:${account}:parameter/mine`;
  await iam.send(new CreateUserCommand({ UserName: "function" }));
  await iam.send(new PutUserPolicyCommand({
    UserName: "function", PolicyName: "read", PolicyDocument: JSON.stringify({
      Version: "2012-10-17", Statement: [
        { Effect: "Allow", Action: ["ssm:GetParameter", "ssm:GetParameters", "ssm:GetParametersByPath"], Resource: [path, `${path}/*`] },
        { Effect: "Allow", Action: "kms:Decrypt", Resource: key, Condition: {
          StringLike: { "kms:EncryptionContext:PARAMETER_ARN": `${path}/*`, "kms:ViaService": `ssm.${region}.amazonaws.com` } } },
      ],
    }),
  }));
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: "function" }));
  const credentials = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey };
  const p = new SSMProvider({ clientConfig: { ...options, credentials } });

  const denied = (action) => (err) => err.cause.name === "AccessDeniedException" && err.message.includes(action);
  assert.equal(await p.get("/mine/a", { decrypt: true }), "one");
  assert.deepEqual(await p.getMultiple("/mine/deep", { decrypt: true }), { b: "two" });
  await assert.rejects(p.get("/theirs/a"), denied("ssm:GetParameter"));
  await assert.rejects(p.getMultiple("/"), denied("ssm:GetParametersByPath"));
  await assert.rejects(p.getMultiple("/theirs"), denied("ssm:GetParametersByPath"));
  await assert.rejects(p.get("/mine/other", { decrypt: true }), denied("kms:Decrypt"));
  await assert.rejects(p.getMultiple("/mine", { decrypt: true }), denied("kms:Decrypt"));
  await assert.rejects(p.set("/mine/a", { value: "five", overwrite: true }), (err) => err.cause.name === "AccessDeniedException");
  const some = { "/mine/a": {}, "/theirs/a": {} };
  await assert.rejects(p.getParametersByName(some, { decrypt: true }), { name: "AccessDeniedException" });
});

test("a secret of bytes", async () => {
  await secrets.send(new CreateSecretCommand({ Name: "bytes", SecretBinary: Buffer.from([0, 1, 255]) }));
  assert.deepEqual([...(await secretsOf().get("bytes"))], [0, 1, 255]);
});

test("a disabled key closes what is under it", async () => {
  const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
  await put("/closed/a", "value", { Type: "SecureString", KeyId: KeyMetadata.Arn });
  await secrets.send(new CreateSecretCommand({ Name: "closed", SecretString: "value", KmsKeyId: KeyMetadata.Arn }));
  await kms.send(new DisableKeyCommand({ KeyId: KeyMetadata.KeyId }));
  await assert.rejects(parameters().get("/closed/a", { decrypt: true }), (err) => err.cause.name === "InvalidKeyId");
  await assert.rejects(secretsOf().get("closed"), (err) => err.cause.name === "DecryptionFailure");
  await kms.send(new EnableKeyCommand({ KeyId: KeyMetadata.KeyId }));
  assert.equal(await parameters().get("/closed/a", { decrypt: true }), "value");
  assert.equal(await secretsOf().get("closed"), "value");
});

test("the utility says who it is", async () => {
  await put("/agent/a", "value");
  await parameters().get("/agent/a");
  const [event] = await requests("GetParameter", "/agent/a");
  assert.match(event.userAgent, /PT\/parameters\//);
});
