import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { SignaturePolicy } from "../../src/core/trust/signature-policy.ts"
import { Failure, messageOf } from "../../src/errors/failure.ts"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { imageManifest, indexManifest, TestRegistry } from "../../src/registry/registry.fixture.ts"
import { openStores, type StoreOptions, type Stores } from "../core-stores.ts"
import { attach, bundleLayer, payload, type SigningKey, signatureLayer, signingKey } from "../fixtures/cosign.ts"
import { tarOf } from "../tar-archive.ts"

let registry: TestRegistry
let folder: string
const [mine, other] = [signingKey(), signingKey()]

beforeAll(async () => {
  registry = await TestRegistry.start()
  folder = mkdtempSync(join(tmpdir(), "signatures-"))
  writeFileSync(join(folder, "mine.pub"), mine.public)
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** An image of one file. @returns its manifest's digest */
async function image(repository: string, tag = "1"): Promise<Digest> {
  const layer = tarOf(["file", {}, repository])
  const config = Buffer.from(
    JSON.stringify({ ...hostPlatform(), rootfs: { type: "layers", diff_ids: [digestOf(layer)] } }),
  )
  const part = async (bytes: Buffer) => ({ digest: await registry.push(repository, bytes), size: bytes.length })
  const text = imageManifest(await part(config), [await part(layer)])
  expect((await registry.putManifest(repository, tag, text)).status).toBe(201)
  return digestOf(text)
}

const sign = async (repository: string, digest: Digest, key: SigningKey, name?: string) =>
  attach(registry, repository, digest, [
    await signatureLayer(registry, repository, payload(name ?? `${registry.address}/${repository}`, digest), key),
  ])

interface PolicyFile {
  readonly default: unknown
  readonly transports?: unknown
}

const signedBy = (more: object = {}) => ({
  type: "sigstoreSigned",
  keyPath: join(folder, "mine.pub"),
  signedIdentity: { type: "matchRepository" },
  ...more,
})

/** Everything must be signed by my key, unless `more` says something else. */
const strict = (more: object = {}): PolicyFile => ({ default: [signedBy(more)] })

function written(policy: PolicyFile): string {
  const path = join(folder, "policy.json")
  writeFileSync(path, JSON.stringify(policy))
  return path
}

/** Pulls with stores of its own under a policy. @returns "pulled", or why not */
async function pull(ref: string, policy: PolicyFile, options: StoreOptions = {}): Promise<string> {
  await using stores = await openStores(undefined, { ...options, signaturePolicy: written(policy) })
  return await pullInto(stores, ref)
}

const pullInto = ({ leases, scope, remote }: Stores, ref: string): Promise<string> =>
  leases
    .within(scope, (held) => remote.pull(held, parseReference(ref), { found: () => {}, progress: () => {} }))
    .then(
      () => "pulled",
      (error: unknown) => {
        if (error instanceof Failure && error.kind === "permissionDenied") return messageOf(error)
        throw error
      },
    )

const at = (rest: string) => `${registry.address}/${rest}`
/** The policy's end of every refusal. */
const where = (entry = "default") => `(${entry} of ${folder}/policy.json)`

test("an image is pulled when a trusted key signed it, whatever kind of key that is", async () => {
  for (const kind of ["ec", "ed25519", "rsa"] as const) {
    const key = signingKey(kind)
    const repository = `kind-${kind}`
    await sign(repository, await image(repository), key)
    const keyData = Buffer.from(key.public).toString("base64")
    expect(await pull(at(`${repository}:1`), strict({ keyPath: undefined, keyData }))).toBe("pulled")
  }
})

test("an image without a signature is refused, with the key that is required, and nothing of it is fetched", async () => {
  const digest = await image("bare")
  await using stores = await openStores(undefined, { signaturePolicy: written(strict()) })
  const { host } = { host: at("bare:1") }
  expect(await pullInto(stores, host)).toMatch(
    new RegExp(
      `^${host} \\(${digest}\\) is refused by the signature policy: it has no signature, and one by ${folder}/mine.pub \\(sha256:[0-9a-f]{16}\\) is required \\(default of ${folder}/policy.json\\)$`,
    ),
  )
  expect((await Array.fromAsync(stores.content.list(stores.scope))).map((blob) => blob.digest)).toEqual([digest])
})

test("a signature by another key, of another image or for another name is none, and it is said which it was", async () => {
  const digest = await image("wrong")
  await sign("wrong", digest, other)
  const tag = `the signature at the tag ${digest.replace(":", "-")}.sig`
  expect(await pull(at("wrong:1"), strict())).toContain(`${tag} is not by ${folder}/mine.pub (sha256:`)

  const moved = await image("moved")
  const layer = await signatureLayer(registry, "moved", payload(at("moved"), digest), mine)
  await attach(registry, "moved", moved, [layer])
  expect(await pull(at("moved:1"), strict())).toContain(`) is of ${digest} ${where()}`)

  const renamed = await image("renamed")
  await sign("renamed", renamed, mine, at("original"))
  expect(await pull(at("renamed:1"), strict())).toContain(
    `) is for the name ${at("original")}, and matchRepository wants one for ${at("renamed:1")} ${where()}`,
  )
  const remap = { type: "remapIdentity", prefix: at("renamed"), signedPrefix: at("original") }
  expect(await pull(at(`renamed@${renamed}`), strict({ signedIdentity: remap }))).toBe("pulled")
  const exact = { type: "exactRepository", dockerRepository: at("original") }
  expect(await pull(at("renamed:1"), strict({ signedIdentity: exact }))).toBe("pulled")
})

test("a signature whose text was changed afterwards is none", async () => {
  const digest = await image("tampered")
  const good = await signatureLayer(registry, "tampered", payload(at("elsewhere"), digest), mine)
  const changed = await signatureLayer(registry, "tampered", payload(at("tampered"), digest), other)
  await attach(registry, "tampered", digest, [{ ...changed, ...{ annotations: good.annotations } }])
  expect(await pull(at("tampered:1"), strict())).toContain("or what it signed was changed")
})

test("one good signature among others suffices; several requirements must all be met", async () => {
  const digest = await image("many")
  const text = payload(at("many"), digest)
  const layers = [
    { ...(await signatureLayer(registry, "many", text, other)), annotations: {} },
    await signatureLayer(registry, "many", text, other),
    await signatureLayer(registry, "many", text, mine),
  ]
  await attach(registry, "many", digest, layers)
  expect(await pull(at("many:1"), strict())).toBe("pulled")
  const both = [signedBy(), { type: "sigstoreSigned", keyData: Buffer.from(signingKey().public).toString("base64") }]
  expect(await pull(at("many:1"), { default: both })).toContain("is not by keyData (sha256:")
})

test("signatures are found by referrers too, in the forms of cosign 2 and 3", async () => {
  const first = await image("referred")
  const layer = await signatureLayer(registry, "referred", payload(at("referred"), first), mine)
  await attach(registry, "referred", first, [layer], "referrer")
  expect(await pull(at("referred:1"), strict())).toBe("pulled")

  const second = await image("bundled")
  await attach(registry, "bundled", second, [await bundleLayer(registry, "bundled", second, mine)], "referrer")
  expect(await pull(at("bundled:1"), strict())).toContain("is for no name, and matchRepository wants one")
  expect(await pull(at("bundled:1"), strict({ signedIdentity: { type: "matchDigest" } }))).toBe("pulled")

  const third = await image("attested")
  const attestation = await bundleLayer(registry, "attested", third, mine, "https://spdx.dev/Document")
  await attach(registry, "attested", third, [attestation], "referrer")
  expect(await pull(at("attested:1"), strict({ signedIdentity: { type: "matchDigest" } }))).toContain(
    "what was signed is of the type https://spdx.dev/Document, not a signature",
  )
})

test("of an index either itself or the manifest for the platform is signed", async () => {
  const digest = await image("multi", "amd64")
  const { headers } = await registry.ask("HEAD", `/v2/multi/manifests/${digest}`)
  const size = Number(headers.get("content-length"))
  const index = indexManifest([{ digest, size, ...{ platform: hostPlatform() } }])
  expect((await registry.putManifest("multi", "1", index, mediaTypes.ociIndex)).status).toBe(201)
  const refusal = await pull(at("multi:1"), strict())
  expect(refusal).toContain(digestOf(index))
  expect(refusal).toContain(digest)
  await sign("multi", digest, mine)
  expect(await pull(at("multi:1"), strict())).toBe("pulled")
})

test("the most precise scope decides, down to one tag", async () => {
  await image("team/app")
  await image("team/open")
  await image("elsewhere")
  const policy = {
    default: [{ type: "reject" }],
    transports: {
      docker: {
        [at("team")]: [signedBy()],
        [at("team/open")]: [{ type: "insecureAcceptAnything" }],
        [at("team/open:2")]: [{ type: "reject" }],
      },
      "docker-daemon": { "": [{ type: "insecureAcceptAnything" }] },
    },
  }
  expect(await pull(at("team/open:1"), policy)).toBe("pulled")
  await image("team/open", "2")
  expect(await pull(at("team/open:2"), policy)).toContain(where(`transports.docker."${at("team/open:2")}"`))
  expect(await pull(at("team/app:1"), policy)).toContain(where(`transports.docker."${at("team")}"`))
  expect(await pull(at("elsewhere:1"), policy)).toContain(`nothing may come from there ${where()}`)
})

test("signatures come from a mirror, and are for the name that the user gave", async () => {
  const digest = await image("app")
  await sign("app", digest, mine, "mirrored.test/app")
  const directory = join(folder, "certs", "mirrored.test")
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    join(directory, "hosts.toml"),
    `server = "http://127.0.0.1:9"\n[host."http://${registry.address}"]\ncapabilities = ["pull", "resolve"]\n`,
  )
  const policy = { default: [{ type: "reject" }], transports: { docker: { "mirrored.test": [signedBy()] } } }
  const options = { registries: { directories: [join(folder, "certs")] } }
  expect(await pull("mirrored.test/app:1", policy, options)).toBe("pulled")
})

test("a policy with a slip in it is refused, and the one before stays", () => {
  const refused = (policy: unknown): string => {
    try {
      new SignaturePolicy(written(policy as PolicyFile))
      return "accepted"
    } catch (error) {
      return messageOf(error)
    }
  }
  const begin = `cannot use the signature policy ${folder}/policy.json: `
  expect(refused({})).toBe(`${begin}the policy has no "default"`)
  expect(refused({ default: [] })).toBe(`${begin}default is not a list of at least one requirement`)
  expect(refused(strict({ typo: 1 }))).toBe(`${begin}default[0]: "typo" is not known`)
  expect(refused(strict({ keyData: "x" }))).toContain("give exactly one of keyPath, keyPaths, keyData and keyDatas")
  expect(refused(strict({ keyPath: "/nowhere" }))).toContain("cannot read the key /nowhere: ENOENT")
  expect(refused(strict({ keyPath: undefined, keyData: "AAAA" }))).toContain("keyData is not a public key in PEM")
  expect(refused(strict({ rekorPublicKeyPath: "x" }))).toContain("rekorPublicKeyPath is not supported")
  expect(refused({ default: [{ type: "signedBy", keyType: "GPGKeys" }] })).toContain("use sigstoreSigned")
  expect(refused(strict({ signedIdentity: { type: "exactReference" } }))).toContain("dockerReference is not a text")
  const policy = new SignaturePolicy(written(strict()))
  writeFileSync(join(folder, "policy.json"), "{")
  expect(() => policy.configure(join(folder, "policy.json"))).toThrow("unexpected EOF")
})
