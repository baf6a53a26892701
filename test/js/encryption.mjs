// Uses the server at AWS_ENDPOINT_URL through the AWS Encryption SDK, with keys
// in two Regions.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  AlgorithmSuiteIdentifier, buildClient, CommitmentPolicy, getClient, getLocalCryptographicMaterialsCache, KMS, KmsKeyringNode, limitRegions,
  MultiKeyringNode, NodeCachingMaterialsManager,
} from "@aws-crypto/client-node";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { CreateAliasCommand, CreateKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const [near, far] = process.env.GARRISON_REGIONS.split(",");
const options = (region) => ({ region, maxAttempts: 1 });
const kms = { [near]: new KMSClient(options(near)), [far]: new KMSClient(options(far)) };
const clientProvider = getClient(KMS, { maxAttempts: 1 });
const encryptionContext = { purpose: "backup", tenant: "acme" };
const plaintext = Buffer.from("the books of the year");

let account, nearKey, farKey;

async function newKey(region, input = {}) {
  const { KeyMetadata } = await kms[region].send(new CreateKeyCommand(input));
  return KeyMetadata.Arn;
}

before(async () => {
  account = (await new STSClient(options(near)).send(new GetCallerIdentityCommand({}))).Account;
  [nearKey, farKey] = [await newKey(near), await newKey(far)];
});

const strict = (generatorKeyId, ...keyIds) => new KmsKeyringNode({ clientProvider, generatorKeyId, keyIds });
const only = (...keyIds) => new KmsKeyringNode({ clientProvider, keyIds });
const discovery = (accountIDs, partition = "aws") =>
  new KmsKeyringNode({ clientProvider, discovery: true, discoveryFilter: { accountIDs, partition } });

// calls counts the events of a key by their names.
async function calls(arn) {
  const region = arn.split(":")[3];
  const { Events } = await new CloudTrailClient(options(region)).send(new LookupEventsCommand({
    LookupAttributes: [{ AttributeKey: "ResourceName", AttributeValue: arn }],
  }));
  const count = {};
  for (const { EventName } of Events) count[EventName] = (count[EventName] ?? 0) + 1;
  return count;
}

test("a message under keys of two Regions opens with either key alone", async () => {
  const { result, messageHeader } = await encrypt(strict(nearKey, farKey), plaintext, { encryptionContext });
  assert.equal(messageHeader.suiteId, AlgorithmSuiteIdentifier.ALG_AES256_GCM_IV12_TAG16_HKDF_SHA512_COMMIT_KEY_ECDSA_P384);
  assert.deepEqual(messageHeader.encryptedDataKeys.map((k) => [k.providerId, k.providerInfo]), [["aws-kms", nearKey], ["aws-kms", farKey]]);
  for (const keyring of [only(nearKey), only(farKey), strict(nearKey, farKey)]) {
    const opened = await decrypt(keyring, result);
    assert.deepEqual(opened.plaintext, plaintext);
    assert.equal(opened.messageHeader.encryptionContext.tenant, "acme");
    assert.ok(opened.messageHeader.encryptionContext["aws-crypto-public-key"]);
  }
  await assert.rejects(decrypt(only(await newKey(near)), result), /unencryptedDataKey has not been set/);
});

test("a Region that is out of use leaves the other", async () => {
  const [here, there] = [await newKey(near), await newKey(far)];
  const { result } = await encrypt(strict(here, there), plaintext, { encryptionContext });
  await kms[near].send(new DisableKeyCommand({ KeyId: here }));
  assert.deepEqual((await decrypt(strict(here, there), result)).plaintext, plaintext);
  await kms[far].send(new DisableKeyCommand({ KeyId: there }));
  await assert.rejects(decrypt(strict(here, there), result), /DisabledException[\s\S]*DisabledException/);
  await kms[near].send(new EnableKeyCommand({ KeyId: here }));
  assert.deepEqual((await decrypt(strict(here, there), result)).plaintext, plaintext);
});

test("KMS binds the encryption context", async () => {
  const { result } = await encrypt(strict(nearKey), plaintext, { encryptionContext });
  const forged = Buffer.from(result);
  forged.write("evil", forged.indexOf("acme"));
  await assert.rejects(decrypt(only(nearKey), forged), /InvalidCiphertextException/);
  assert.deepEqual((await decrypt(only(nearKey), result)).plaintext, plaintext);
});

test("a key policy sees the encryption context", async () => {
  const statement = (Sid, Action, Condition) =>
    ({ Sid, Effect: "Allow", Principal: { AWS: `arn:aws:iam::${account}:root` }, Action, Resource: "*", Condition });
  const Policy = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      statement("manage", ["kms:PutKeyPolicy", "kms:DescribeKey"]),
      statement("use", ["kms:GenerateDataKey*", "kms:Decrypt"], { StringEquals: { "kms:EncryptionContext:tenant": "acme" } }),
    ],
  });
  const bound = await newKey(near, { Policy });
  const { result } = await encrypt(strict(bound), plaintext, { encryptionContext });
  assert.deepEqual((await decrypt(only(bound), result)).plaintext, plaintext);
  await assert.rejects(encrypt(strict(bound), plaintext, { encryptionContext: { tenant: "other" } }), { name: "AccessDeniedException" });
});

test("a discovery keyring keeps to its accounts, partition and Regions", async () => {
  const { result } = await encrypt(strict(nearKey, farKey), plaintext, { encryptionContext });
  assert.deepEqual((await decrypt(discovery([account]), result)).plaintext, plaintext);
  const before = await calls(nearKey);
  await assert.rejects(decrypt(discovery(["999999999999"]), result), /unencryptedDataKey has not been set/);
  await assert.rejects(decrypt(discovery([account], "aws-cn"), result), /unencryptedDataKey has not been set/);
  assert.deepEqual(await calls(nearKey), before);

  const farOnly = new KmsKeyringNode({ clientProvider: limitRegions([far], clientProvider), discovery: true });
  const farBefore = await calls(farKey);
  assert.deepEqual((await decrypt(farOnly, result)).plaintext, plaintext);
  assert.deepEqual(await calls(nearKey), before);
  assert.equal((await calls(farKey)).Decrypt, (farBefore.Decrypt ?? 0) + 1);
});

test("a cache of materials spares the calls to KMS", async () => {
  const [here, there] = [await newKey(near), await newKey(far)];
  const cmm = new NodeCachingMaterialsManager({
    backingMaterials: strict(here, there), cache: getLocalCryptographicMaterialsCache(10), maxAge: 60_000, maxMessagesEncrypted: 4,
  });
  const sealed = [];
  for (let i = 0; i < 5; i++) {
    sealed.push((await encrypt(cmm, plaintext, { encryptionContext, plaintextLength: plaintext.length })).result);
  }
  assert.deepEqual(await calls(here), { CreateKey: 1, GenerateDataKey: 2 });
  assert.deepEqual(await calls(there), { CreateKey: 1, Encrypt: 2 });
  for (const message of sealed) assert.deepEqual((await decrypt(cmm, message)).plaintext, plaintext);
  assert.equal((await calls(here)).Decrypt, 2);

  await encrypt(cmm, plaintext, { encryptionContext: { tenant: "other" }, plaintextLength: plaintext.length });
  assert.equal((await calls(here)).GenerateDataKey, 3);
});

test("an alias is enough to encrypt, and the message names the key", async () => {
  const key = await newKey(near);
  const alias = `arn:aws:kms:${near}:${account}:alias/books`;
  await kms[near].send(new CreateAliasCommand({ AliasName: "alias/books", TargetKeyId: key }));
  const { result, messageHeader } = await encrypt(strict(alias), plaintext, { encryptionContext });
  assert.equal(messageHeader.encryptedDataKeys[0].providerInfo, key);
  assert.deepEqual((await decrypt(only(key), result)).plaintext, plaintext);
});

test("a large stream of frames, and keyrings in one another", async () => {
  const large = Buffer.alloc(3 << 20, "garrison");
  const keyring = new MultiKeyringNode({ generator: strict(nearKey), children: [only(farKey)] });
  const { result } = await encrypt(keyring, large, { encryptionContext, frameLength: 64 << 10 });
  assert.ok((await decrypt(only(farKey), result)).plaintext.equals(large));
  result[result.length >> 1] ^= 1;
  await assert.rejects(decrypt(only(farKey), result));
});
