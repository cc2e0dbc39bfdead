import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mediaTypes } from "../oci/descriptor.ts"
import { digestOf } from "../oci/digest.ts"
import { codeOf, imageManifest, indexManifest, TestRegistry } from "./registry.fixture.ts"

const immutable = [{ repositories: ["app/*"], tags: ["v*"] }]

test("nothing that an immutable tag leads to can be deleted, and collection leaves it", async () => {
  await using registry = await TestRegistry.start({ immutable, gc: { grace: "0s", untagged: true, interval: 0 } })
  const child = await registry.image("app/a", "child")
  const inner = indexManifest([{ digest: child.manifest, size: child.bytes.length }])
  await registry.putManifest("app/a", "inner", inner, mediaTypes.ociIndex)
  const outer = indexManifest([{ digest: digestOf(inner), size: inner.length }])
  for (const tag of ["v1", "other"]) await registry.putManifest("app/a", tag, outer, mediaTypes.ociIndex)
  const parts = [
    ...[child.manifest, digestOf(inner), digestOf(outer)].map((digest) => `manifests/${digest}`),
    ...[child.layer, child.config].map((digest) => `blobs/${digest}`),
  ]
  for (const part of [...parts, "manifests/v1"]) {
    const answer = await registry.ask("DELETE", `/v2/app/a/${part}`)
    expect([part, answer.status, await codeOf(answer)]).toEqual([part, 409, "DENIED"])
  }
  for (const tag of ["child", "inner", "other"]) {
    expect((await registry.ask("DELETE", `/v2/app/a/manifests/${tag}`)).status).toBe(202)
  }
  await registry.collect()
  for (const part of parts) expect((await registry.ask("HEAD", `/v2/app/a/${part}`)).status).toBe(200)

  const lone = await registry.push("app/a", randomBytes(10))
  expect((await registry.ask("DELETE", `/v2/app/a/blobs/${lone}`)).status).toBe(202)
  registry.configure({})
  registry.reload()
  expect((await registry.ask("DELETE", `/v2/app/a/blobs/${child.layer}`)).status).toBe(202)
})

test("an immutable tag is not served as another type by pushing its bytes again", async () => {
  await using registry = await TestRegistry.start({ immutable })
  const { config, layer } = await registry.image("app/a", "first")
  const bytes = imageManifest({ digest: config, size: 1 }, [{ digest: layer, size: 1000 }], { mediaType: undefined })
  const put = (reference: string, type: string) => registry.putManifest("app/a", reference, bytes, type)
  expect((await put("v1", mediaTypes.ociManifest)).status).toBe(201)
  expect((await put("v1", mediaTypes.ociManifest)).status).toBe(201)
  for (const reference of ["v1", "other", digestOf(bytes), "v2?tag=v1"]) {
    expect((await put(reference, mediaTypes.dockerManifest)).status).toBe(409)
  }
  const served = await registry.ask("GET", `/v2/app/a/manifests/${digestOf(bytes)}`)
  expect(served.headers.get("content-type")).toBe(mediaTypes.ociManifest)
})

/** Six blobs of which two fit. */
const six = () => Array.from({ length: 6 }, () => randomBytes(100_000))
const quotas = [{ repositories: ["small"], bytes: 250_000 }]

async function stored(registry: TestRegistry, blobs: readonly Buffer[]): Promise<number> {
  const heads = blobs.map((bytes) => registry.ask("HEAD", `/v2/small/blobs/${digestOf(bytes)}`))
  return (await Promise.all(heads)).filter((answer) => answer.status === 200).length
}

test.each([
  [
    "in one request each",
    (registry: TestRegistry, bytes: Buffer<ArrayBuffer>) =>
      registry.ask("POST", `/v2/small/blobs/uploads/?digest=${digestOf(bytes)}`, { body: bytes }),
  ],
  [
    "in chunks",
    async (registry: TestRegistry, bytes: Buffer<ArrayBuffer>) => {
      const begun = await registry.ask("POST", "/v2/small/blobs/uploads/")
      const location = begun.headers.get("location")!
      await registry.ask("PATCH", location, { body: bytes })
      return await registry.ask("PUT", `${location}?digest=${digestOf(bytes)}`)
    },
  ],
  [
    "from another repository",
    async (registry: TestRegistry, bytes: Buffer<ArrayBuffer>) => {
      const digest = await registry.push("big", bytes)
      return await registry.ask("POST", `/v2/small/blobs/uploads/?mount=${digest}&from=big`)
    },
  ],
])("a quota holds when blobs come at the same time %s", async (_how, push) => {
  await using registry = await TestRegistry.start({ quotas })
  const blobs = six()
  const answers = await Promise.all(blobs.map((bytes) => push(registry, bytes)))
  expect(answers.map((answer) => answer.status).sort()).toEqual([201, 201, 403, 403, 403, 403])
  expect(await stored(registry, blobs)).toBe(2)
  const [first] = blobs.filter((_, index) => answers[index]!.status === 201)
  expect((await registry.ask("DELETE", `/v2/small/blobs/${digestOf(first!)}`)).status).toBe(202)
  await registry.push("small", randomBytes(100_000))
})

test("a manifest counts once however often it is pushed, and not at all beyond the quota", async () => {
  await using registry = await TestRegistry.start({ quotas: [{ bytes: 3000 }] })
  const { bytes } = await registry.image("a", "v1")
  for (let round = 0; round < 5; round++) expect((await registry.putManifest("a", "v1", bytes)).status).toBe(201)
  const big = JSON.stringify({ ...JSON.parse(bytes), annotations: { fill: "x".repeat(3000) } })
  const refused = await registry.putManifest("a", "v2", big)
  expect([refused.status, await codeOf(refused)]).toEqual([403, "DENIED"])
  expect((await registry.ask("HEAD", "/v2/a/manifests/v2")).status).toBe(404)
})
