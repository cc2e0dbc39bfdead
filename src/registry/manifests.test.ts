import { afterAll, beforeAll, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { mediaTypes } from "../oci/descriptor.ts"
import { digestOf } from "../oci/digest.ts"
import { codeOf, imageManifest, indexManifest, sha512, TestRegistry } from "./registry.fixture.ts"

let registry: TestRegistry
beforeAll(async () => {
  registry = await TestRegistry.start()
})
afterAll(() => registry[Symbol.asyncDispose]())

const get = (path: string, headers: Record<string, string> = {}) => registry.ask("GET", path, { headers })

test("the API's root answers", async () => {
  const answer = await get("/v2/")
  expect([answer.status, answer.headers.get("docker-distribution-api-version")]).toEqual([200, "registry/2.0"])
})

test("HEAD is answered wherever GET is, with the same head and the API's version", async () => {
  const { manifest, layer } = await registry.image("heads", "one")
  const upload = (await registry.ask("POST", "/v2/heads/blobs/uploads/")).headers.get("location")!
  const paths = [
    `/v2/heads/manifests/${manifest}`,
    `/v2/heads/blobs/${layer}`,
    "/v2/heads/tags/list?n=1",
    `/v2/heads/referrers/${manifest}`,
    "/v2/_catalog",
    "/v2/heads/manifests/none",
    upload,
  ]
  for (const path of paths) {
    const [got, head] = [await get(path), await registry.ask("HEAD", path)]
    const without = (answer: Response) => [...answer.headers].filter(([name]) => name !== "date")
    expect([head.status, without(head)]).toEqual([got.status, without(got)])
    expect(head.headers.get("docker-distribution-api-version")).toBe("registry/2.0")
    expect(await head.text()).toBe("")
    await got.arrayBuffer()
  }
  const wrong = await registry.ask("POST", `/v2/heads/blobs/${layer}`)
  expect([wrong.status, wrong.headers.get("allow"), await codeOf(wrong)]).toEqual([
    405,
    "GET, HEAD, DELETE",
    "UNSUPPORTED",
  ])
})

test("a manifest is served byte for byte under its tag and its digest, with its type", async () => {
  const { manifest, bytes } = await registry.image("a", "one")
  for (const reference of ["one", manifest]) {
    const answer = await get(`/v2/a/manifests/${reference}`)
    expect(answer.status).toBe(200)
    expect(answer.headers.get("content-type")).toBe(mediaTypes.ociManifest)
    expect(answer.headers.get("docker-content-digest")).toBe(manifest)
    expect(await answer.text()).toBe(bytes)
    const head = await registry.ask("HEAD", `/v2/a/manifests/${reference}`)
    expect([head.status, head.headers.get("content-length")]).toEqual([200, String(bytes.length)])
  }
})

test("a manifest under a digest that it does not have is refused", async () => {
  const answer = await registry.putManifest("a", digestOf("x"), "{}")
  expect([answer.status, await codeOf(answer)]).toEqual([400, "DIGEST_INVALID"])
})

test("a manifest whose parts are missing is refused with what is missing", async () => {
  const digest = digestOf("nowhere")
  const answer = await registry.putManifest("a", "x", imageManifest({ digest, size: 7 }, []))
  expect(answer.status).toBe(404)
  expect(await answer.json()).toMatchObject({ errors: [{ code: "MANIFEST_BLOB_UNKNOWN", detail: [{ digest }] }] })
  const index = await registry.putManifest("a", "x", indexManifest([{ digest, size: 7 }]), mediaTypes.ociIndex)
  expect(await codeOf(index)).toBe("MANIFEST_BLOB_UNKNOWN")
})

test("malformed manifests of known types are refused", async () => {
  for (const text of ["", "nonsense", "[]", '{"schemaVersion":1}', '{"schemaVersion":2,"config":{"digest":"x"}}']) {
    const answer = await registry.putManifest("a", "x", text)
    expect([answer.status, await codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"])
  }
  const lie = await registry.putManifest("a", "x", indexManifest([]), mediaTypes.ociManifest)
  expect(await codeOf(lie)).toBe("MANIFEST_INVALID")
})

test("manifests of other types are refused: what is stored is never a page, a script or anything but a manifest", async () => {
  const image = imageManifest({ digest: digestOf("x"), size: 1 }, [])
  const others = ["text/html", "application/x-mine", "image/svg+xml", "application/vnd.oci.artifact.manifest.v1+json"]
  for (const type of [...others, "text/html; charset=utf-8"]) {
    for (const text of ["<script>alert(1)</script>", image]) {
      const answer = await registry.putManifest("a", "custom", text, type)
      expect([answer.status, await codeOf(answer)]).toEqual([400, "MANIFEST_INVALID"])
    }
  }
  expect((await get("/v2/a/manifests/custom")).status).toBe(404)
})

test("ambiguous manifests are refused (CVE-2021-41190)", async () => {
  const { manifest, config, layer, bytes } = await registry.image("twofold", "image")
  const part = { digest: manifest, size: bytes.length }
  const image = (fields: object) => imageManifest({ digest: config, size: 1 }, [{ digest: layer, size: 1 }], fields)
  const refused: [string, string][] = [
    [image({ manifests: [part] }), mediaTypes.ociManifest],
    [image({ MANIFESTS: [part] }), mediaTypes.ociManifest],
    [image({ fsLayers: [{ blobSum: layer }] }), mediaTypes.ociManifest],
    [image({ mediaType: mediaTypes.dockerManifest }), mediaTypes.ociManifest],
    [indexManifest([part], { layers: [part] }), mediaTypes.ociIndex],
    [indexManifest([part], { config: part }), mediaTypes.ociIndex],
    [indexManifest([part], { mediaType: mediaTypes.dockerList }), mediaTypes.ociIndex],
  ]
  for (const [text, type] of refused) {
    const answer = await registry.putManifest("twofold", "x", text, type)
    expect([text, answer.status, await codeOf(answer)]).toEqual([text, 400, "MANIFEST_INVALID"])
  }
})

test("no answer can be made a page of by a browser", async () => {
  const { manifest, layer } = await registry.image("page", "v1")
  for (const path of [`manifests/${manifest}`, `blobs/${layer}`]) {
    const answer = await get(`/v2/page/${path}`)
    expect(answer.headers.get("content-disposition")).toBe("attachment")
  }
  for (const path of [
    `/v2/page/manifests/${manifest}`,
    `/v2/page/blobs/${layer}`,
    "/v2/",
    "/v2/page/x",
    "/none",
    "/",
  ]) {
    const { headers } = await get(path)
    expect(headers.get("x-content-type-options")).toBe("nosniff")
    expect(headers.get("content-security-policy")).toStartWith("default-src 'none';")
  }
})

test("a manifest that is too large is refused", async () => {
  const answer = await registry.putManifest("a", "x", JSON.stringify({ fill: "x".repeat(9 << 20) }))
  expect([answer.status, await codeOf(answer)]).toEqual([413, "SIZE_INVALID"])
})

test("a manifest is pushed with several tags at once, under sha512 when that is asked for", async () => {
  const bytes = indexManifest([])
  const digest = sha512(bytes)
  const answer = await registry.putManifest("long", `${digest}?tag=x&tag=y`, bytes, mediaTypes.ociIndex)
  expect([answer.status, answer.headers.get("oci-tag")]).toEqual([201, "x, y"])
  expect((await registry.ask("HEAD", "/v2/long/manifests/y")).headers.get("docker-content-digest")).toBe(digest)
  const tagged = await registry.putManifest("long", `z?digest=${digest}`, bytes, mediaTypes.ociIndex)
  expect(tagged.headers.get("docker-content-digest")).toBe(digest)
})

test("tags are listed in order, in pages that link to the next", async () => {
  for (const tag of ["b", "A", "c", "B2", "a10"]) {
    await registry.putManifest("tags", tag, indexManifest([]), mediaTypes.ociIndex)
  }
  expect(await (await get("/v2/tags/tags/list")).json()).toEqual({ name: "tags", tags: ["A", "a10", "b", "B2", "c"] })
  const seen: string[] = []
  for (let at: string | undefined = "/v2/tags/tags/list?n=2"; at; ) {
    const answer = await get(at)
    seen.push(...((await answer.json()) as { tags: string[] }).tags)
    at = /^<(.*)>; rel="next"$/.exec(answer.headers.get("link") ?? "")?.[1]
  }
  expect(seen).toEqual(["A", "a10", "b", "B2", "c"])
  const none = await get("/v2/tags/tags/list?n=0")
  expect([await none.json(), none.headers.get("link")]).toEqual([{ name: "tags", tags: [] }, null])
  expect(await (await get("/v2/tags/tags/list?last=b")).json()).toEqual({ name: "tags", tags: ["B2", "c"] })
  const unknown = await get("/v2/no/such/tags/list")
  expect([unknown.status, await codeOf(unknown)]).toEqual([404, "NAME_UNKNOWN"])
})

test("the catalog lists repositories in pages", async () => {
  await registry.image("zoo/ape", "1")
  await registry.image("zoo/bee", "1")
  const first = await get("/v2/_catalog?n=1&last=zoo")
  expect(await first.json()).toEqual({ repositories: ["zoo/ape"] })
  expect(first.headers.get("link")).toBe('</v2/_catalog?last=zoo%2Fape&n=1>; rel="next"')
})

test("what is about a manifest is listed, filtered by type, also before the manifest comes", async () => {
  const { manifest: subject, bytes } = await registry.image("refs", "image")
  const about = { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: bytes.length } }
  const one = await registry.image("refs", "sbom", {
    fields: { ...about, artifactType: "application/sbom", annotations: { by: "me" } },
  })
  await registry.image("refs", "plain", { fields: about })
  const list = await get(`/v2/refs/referrers/${subject}`)
  expect(list.headers.get("content-type")).toBe(mediaTypes.ociIndex)
  const all = (await list.json()) as { manifests: { digest: string; artifactType: string }[] }
  expect(all.manifests.map((each) => each.artifactType).sort()).toEqual(["application/sbom", mediaTypes.ociConfig])
  const some = await get(`/v2/refs/referrers/${subject}?artifactType=application/sbom`)
  expect(some.headers.get("oci-filters-applied")).toBe("artifactType")
  expect(await some.json()).toMatchObject({
    manifests: [{ digest: one.manifest, artifactType: "application/sbom", annotations: { by: "me" } }],
  })
  await registry.ask("DELETE", `/v2/refs/manifests/${one.manifest}`)
  expect(await (await get(`/v2/refs/referrers/${subject}?artifactType=application/sbom`)).json()).toMatchObject({
    manifests: [],
  })
  expect(await (await get(`/v2/refs/referrers/${digestOf("x")}`)).json()).toMatchObject({ manifests: [] })
  expect((await get("/v2/refs/referrers/sha256:short")).status).toBe(400)
  const early = { subject: { mediaType: mediaTypes.ociManifest, digest: digestOf("later"), size: 5 } }
  const answer = await registry.putManifest("refs", "early", indexManifest([], early), mediaTypes.ociIndex)
  expect([answer.status, answer.headers.get("oci-subject")]).toEqual([201, digestOf("later")])
})

test("referrers that an older client listed under a tag are listed too", async () => {
  await using fresh = await TestRegistry.start()
  const { manifest: subject } = await fresh.image("old", "image")
  const about = await fresh.image("old", "sbom", {
    fields: { subject: { mediaType: mediaTypes.ociManifest, digest: subject, size: 1 } },
  })
  const index = indexManifest([{ digest: about.manifest, size: about.bytes.length }])
  await fresh.putManifest("old", subject.replace(":", "-"), index, mediaTypes.ociIndex)
  const list = (await (await fresh.ask("GET", `/v2/old/referrers/${subject}`)).json()) as { manifests: object[] }
  expect(list.manifests).toHaveLength(1)
})

test("a tag is deleted alone, a manifest with its tags", async () => {
  const { manifest, bytes } = await registry.image("gone", "a")
  await registry.putManifest("gone", "b", bytes)
  await registry.putManifest("gone", "c", bytes)
  expect((await registry.ask("DELETE", "/v2/gone/manifests/a")).status).toBe(202)
  expect((await get("/v2/gone/manifests/a")).status).toBe(404)
  expect((await get("/v2/gone/manifests/b")).status).toBe(200)
  expect((await registry.ask("DELETE", `/v2/gone/manifests/${manifest}`)).status).toBe(202)
  for (const reference of ["b", "c", manifest]) {
    const answer = await get(`/v2/gone/manifests/${reference}`)
    expect([answer.status, await codeOf(answer)]).toEqual([404, "MANIFEST_UNKNOWN"])
  }
  expect((await registry.ask("DELETE", `/v2/gone/manifests/${manifest}`)).status).toBe(404)
})

test("a manifest's bytes are not deleted as a blob", async () => {
  const { manifest } = await registry.image("kept", "a")
  expect(await codeOf(await registry.ask("DELETE", `/v2/kept/blobs/${manifest}`))).toBe("UNSUPPORTED")
  expect((await get("/v2/kept/manifests/a")).status).toBe(200)
})

test("a tag is written on conditions", async () => {
  const { manifest, bytes } = await registry.image("cond", "a")
  const put = (headers: Record<string, string>) =>
    registry.putManifest("cond", "a", bytes, mediaTypes.ociManifest, headers).then((answer) => answer.status)
  expect(await put({ "If-None-Match": "*" })).toBe(412)
  expect(await put({ "If-Match": `"${digestOf("other")}"` })).toBe(412)
  expect(await put({ "If-Match": `"${manifest}"` })).toBe(201)
  const unchanged = await get("/v2/cond/manifests/a", { "If-None-Match": `"${manifest}"` })
  expect(unchanged.status).toBe(304)
})

test("names, tags and digests that cannot be are refused", async () => {
  const begun = await registry.ask("POST", "/v2/Upper/blobs/uploads/")
  expect([begun.status, await codeOf(begun)]).toEqual([400, "NAME_INVALID"])
  const tag = await registry.putManifest("a", ".bad", "{}")
  expect([tag.status, await codeOf(tag)]).toEqual([400, "MANIFEST_INVALID"])
  expect(await codeOf(await get("/v2/a/blobs/sha256:123"))).toBe("DIGEST_INVALID")
  for (const path of ["/v2/../../etc/passwd/manifests/x", "/v2/a/%2e%2e/manifests/x", "/v2/_tags/manifests/x"]) {
    const socketPath = await registry.ask("GET", path)
    expect([400, 404]).toContain(socketPath.status)
  }
  const method = await registry.ask("POST", "/v2/a/manifests/x")
  expect([method.status, await codeOf(method), method.headers.get("allow")]).toEqual([
    405,
    "UNSUPPORTED",
    "GET, HEAD, PUT, DELETE",
  ])
})

test("a repository's name may contain the API's own words", async () => {
  const name = "a/blobs/uploads/tags/list/manifests"
  const { manifest, layer } = await registry.image(name, "v1")
  expect((await get(`/v2/${name}/manifests/v1`)).headers.get("docker-content-digest")).toBe(manifest)
  expect((await get(`/v2/${name}/blobs/${layer}`)).status).toBe(200)
  expect(await (await get(`/v2/${name}/tags/list`)).json()).toEqual({ name, tags: ["v1"] })
})

test("a repository is an OCI image layout on disk", async () => {
  await using fresh = await TestRegistry.start()
  const { manifest, bytes } = await fresh.image("on/disk", "v1")
  await fresh.stop()
  const layout = join(fresh.root, "data/repositories/on/disk/_oci")
  expect(JSON.parse(readFileSync(join(layout, "oci-layout"), "utf8"))).toEqual({ imageLayoutVersion: "1.0.0" })
  expect(JSON.parse(readFileSync(join(layout, "index.json"), "utf8"))).toMatchObject({
    manifests: [{ digest: manifest, annotations: { "org.opencontainers.image.ref.name": "v1" } }],
  })
  expect(readFileSync(join(layout, "blobs", manifest.replace(":", "/")), "utf8")).toBe(bytes)
})
