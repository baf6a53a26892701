// Uses the server at AWS_ENDPOINT_URL through the JavaScript SDK, and throws at
// the first thing that is not as it is at AWS.
import assert from "node:assert/strict";
import { CloudTrailClient, LookupEventsCommand } from "@aws-sdk/client-cloudtrail";
import {
  CreateKeyCommand, DecryptCommand, DescribeKeyCommand, EncryptCommand, GenerateMacCommand, KMSClient, SignCommand, VerifyCommand,
} from "@aws-sdk/client-kms";
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";

const options = { maxAttempts: 1 };
const kms = new KMSClient(options);
const sts = new STSClient(options);

const identity = await sts.send(new GetCallerIdentityCommand({}));
assert.match(identity.Arn, /^arn:aws:iam::\d{12}:root$/);

const { KeyMetadata: key } = await kms.send(new CreateKeyCommand({ Description: "from JavaScript" }));
assert.ok(key.CreationDate instanceof Date);
const context = { tenant: "acme" };
const sealed = await kms.send(new EncryptCommand({ KeyId: key.KeyId, Plaintext: Buffer.from("hello"), EncryptionContext: context }));
const opened = await kms.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context }));
assert.equal(Buffer.from(opened.Plaintext).toString(), "hello");
await assert.rejects(kms.send(new DecryptCommand({ CiphertextBlob: sealed.CiphertextBlob })), { name: "InvalidCiphertextException" });
await assert.rejects(kms.send(new DescribeKeyCommand({ KeyId: "alias/none" })), { name: "NotFoundException" });

const { KeyMetadata: signer } = await kms.send(new CreateKeyCommand({ KeySpec: "ECC_NIST_P256", KeyUsage: "SIGN_VERIFY" }));
const signing = { KeyId: signer.KeyId, Message: Buffer.from("message"), SigningAlgorithm: "ECDSA_SHA_256" };
const { Signature } = await kms.send(new SignCommand(signing));
assert.equal((await kms.send(new VerifyCommand({ ...signing, Signature }))).SignatureValid, true);
await assert.rejects(
  kms.send(new VerifyCommand({ ...signing, Message: Buffer.from("another"), Signature })), { name: "KMSInvalidSignatureException" });

const { KeyMetadata: mac } = await kms.send(new CreateKeyCommand({ KeySpec: "HMAC_256", KeyUsage: "GENERATE_VERIFY_MAC" }));
const tag = await kms.send(new GenerateMacCommand({ KeyId: mac.KeyId, Message: Buffer.from("m"), MacAlgorithm: "HMAC_SHA_256" }));
assert.equal(tag.Mac.length, 32);

await assert.rejects(
  sts.send(new AssumeRoleCommand({ RoleArn: `arn:aws:iam::${identity.Account}:role/none`, RoleSessionName: "js" })), { name: "AccessDenied" });

const trail = new CloudTrailClient(options);
const { Events } = await trail.send(new LookupEventsCommand({
  LookupAttributes: [{ AttributeKey: "ResourceName", AttributeValue: key.Arn }],
}));
assert.deepEqual(new Set(Events.map((e) => e.EventName)), new Set(["CreateKey", "Encrypt", "Decrypt"]));
