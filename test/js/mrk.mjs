// Uses the server at AWS_ENDPOINT_URL through the AWS Encryption SDK, with one
// multi-Region key in two Regions.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  AwsKmsMrkAwareSymmetricDiscoveryKeyringNode, AwsKmsMrkAwareSymmetricKeyringNode, buildAwsKmsMrkAwareDiscoveryMultiKeyringNode,
  buildAwsKmsMrkAwareStrictMultiKeyringNode, buildClient, CommitmentPolicy, getClient, KMS, KmsKeyringNode,
} from "@aws-crypto/client-node";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import { CreateKeyCommand, DescribeKeyCommand, DisableKeyCommand, EnableKeyCommand, KMSClient, ReplicateKeyCommand } from "@aws-sdk/client-kms";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const [near, far] = process.env.GARRISON_REGIONS.split(",");
const options = (region) => ({ region, maxAttempts: 1 });
const kms = { [near]: new KMSClient(options(near)), [far]: new KMSClient(options(far)) };
const client = { [near]: new KMS(options(near)), [far]: new KMS(options(far)) };
const clientProvider = getClient(KMS, { maxAttempts: 1 });
const encryptionContext = { tenant: "acme" };
const plaintext = Buffer.from("the books of the year");

let primary, replica, account;

// enabled waits until a key can be used: a replica is made in its own time.
async function enabled(region, KeyId) {
  for (let tries = 0; ; tries++) {
    const { KeyMetadata } = await kms[region].send(new DescribeKeyCommand({ KeyId }));
    if (KeyMetadata.KeyState === "Enabled") return KeyMetadata;
    assert.ok(tries < 200, `${KeyId} in ${region} is ${KeyMetadata.KeyState}`);
    await new Promise((resume) => setTimeout(resume, 25));
  }
}

before(async () => {
  const made = await kms[near].send(new CreateKeyCommand({ MultiRegion: true }));
  primary = made.KeyMetadata.Arn;
  account = made.KeyMetadata.AWSAccountId;
  const replicated = await kms[near].send(new ReplicateKeyCommand({ KeyId: primary, ReplicaRegion: far }));
  replica = replicated.ReplicaKeyMetadata.Arn;
  await enabled(far, replica);
});

async function decrypts(arn) {
  const { Events } = await new CloudTrailClient(options(arn.split(":")[3])).send(new LookupEventsCommand({
    LookupAttributes: [{ AttributeKey: "ResourceName", AttributeValue: arn }],
  }));
  return Events.filter((e) => e.EventName === "Decrypt").length;
}

test("the two keys are one key in two Regions", async () => {
  assert.equal(replica, primary.replace(near, far));
  assert.match(primary, /:key\/mrk-[0-9a-f]{32}$/);
  const { MultiRegionConfiguration } = await enabled(far, replica);
  assert.equal(MultiRegionConfiguration.MultiRegionKeyType, "REPLICA");
  assert.equal(MultiRegionConfiguration.PrimaryKey.Arn, primary);
});

test("an MRK-aware keyring opens in either Region what the other sealed", async () => {
  const at = (region, keyId) => new AwsKmsMrkAwareSymmetricKeyringNode({ client: client[region], keyId });
  for (const [sealer, opener, named] of [
    [at(near, primary), at(far, replica), primary], [at(far, replica), at(near, primary), replica],
  ]) {
    const { result, messageHeader } = await encrypt(sealer, plaintext, { encryptionContext });
    assert.deepEqual(messageHeader.encryptedDataKeys.map((k) => k.providerInfo), [named]);
    assert.deepEqual((await decrypt(opener, result)).plaintext, plaintext);
  }
});

test("a keyring that is not MRK-aware takes the replica for another key", async () => {
  const { result } = await encrypt(new KmsKeyringNode({ clientProvider, generatorKeyId: primary }), plaintext, { encryptionContext });
  await assert.rejects(decrypt(new KmsKeyringNode({ clientProvider, keyIds: [replica] }), result), /unencryptedDataKey has not been set/);
});

test("a strict multi-keyring of one multi-Region key and another key", async () => {
  const { KeyMetadata: single } = await kms[far].send(new CreateKeyCommand({}));
  const sealer = buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, generatorKeyId: primary, keyIds: [single.Arn] });
  const { result } = await encrypt(sealer, plaintext, { encryptionContext });
  for (const keyId of [replica, single.Arn]) {
    const opener = buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, keyIds: [keyId] });
    assert.deepEqual((await decrypt(opener, result)).plaintext, plaintext);
  }
});

test("an MRK discovery keyring decrypts in its own Region alone", async () => {
  const { result } = await encrypt(
    buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, generatorKeyId: primary }), plaintext, { encryptionContext });
  const [here, there] = [await decrypts(primary), await decrypts(replica)];
  const discovery = (accountIDs) => new AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({
    client: client[far], discoveryFilter: { accountIDs, partition: "aws" },
  });
  assert.deepEqual((await decrypt(discovery([account]), result)).plaintext, plaintext);
  assert.deepEqual([await decrypts(primary), await decrypts(replica)], [here, there + 1]);
  await assert.rejects(decrypt(discovery(["999999999999"]), result), /No EDKs supplied/);

  const everywhere = buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({
    clientProvider, regions: [near, far], discoveryFilter: { accountIDs: [account], partition: "aws" },
  });
  assert.deepEqual((await decrypt(everywhere, result)).plaintext, plaintext);
});

test("a Region whose key is disabled leaves the other", async () => {
  const { result } = await encrypt(
    buildAwsKmsMrkAwareStrictMultiKeyringNode({ clientProvider, generatorKeyId: primary }), plaintext, { encryptionContext });
  const everywhere = buildAwsKmsMrkAwareDiscoveryMultiKeyringNode({ clientProvider, regions: [near, far] });
  await kms[near].send(new DisableKeyCommand({ KeyId: primary }));
  assert.deepEqual((await decrypt(everywhere, result)).plaintext, plaintext);
  await kms[far].send(new DisableKeyCommand({ KeyId: replica }));
  await assert.rejects(decrypt(everywhere, result), /DisabledException[\s\S]*DisabledException/);
  await kms[far].send(new EnableKeyCommand({ KeyId: replica }));
  assert.deepEqual((await decrypt(everywhere, result)).plaintext, plaintext);
});
