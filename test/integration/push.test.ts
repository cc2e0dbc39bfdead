import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import type { TransferProgress } from "../../src/core/transfer/progress.ts"
import { type Descriptor, mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { inPieces, openStores, type Stores } from "../core-stores.ts"
import { failure } from "../fixtures/failure.ts"
import { MemoryRegistry, refuse } from "../fixtures/memory-registry.ts"
import { tarOf } from "../tar-archive.ts"

interface Bench {
  readonly stores: Stores
  readonly registry: MemoryRegistry
  /** Makes an image of one file; plain layers, as `import` and `commit` make them. */
  make(content: Buffer): Promise<Descriptor>
  push(target: Descriptor, ref?: string): Promise<Pushed>
}

interface Pushed {
  readonly pushed: Descriptor
  readonly form: Descriptor
  readonly steps: readonly TransferProgress[]
}

const check = (name: string, use: (bench: Bench) => Promise<void>) =>
  test(name, async () => {
    await using registry = await MemoryRegistry.start()
    await using stores = await openStores()
    const { leases, transfer, remote } = stores
    await leases.within(stores.scope, (scope) =>
      use({
        stores: { ...stores, scope },
        registry,
        make: async (content) => {
          const tar = tarOf(["file", {}, content])
          return (
            await transfer.importTree(scope, inPieces(tar), {
              config: { ...hostPlatform(), created: "2024-01-01T00:00:00Z" },
            })
          ).target
        },
        push: async (target, ref = "app:1") => {
          const steps: TransferProgress[] = []
          const reference = parseReference(`${registry.host}/${ref}`)
          const done = await remote.push(scope, reference, target, { progress: (progress) => steps.push(progress) })
          return { ...done, steps }
        },
      }),
    )
  })

interface Document {
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
}

const documentAt = (registry: MemoryRegistry, repository: string, reference: string) =>
  JSON.parse(registry.manifests.get(repository)!.get(reference)!.bytes.toString("utf8")) as Document
const phases = ({ steps }: Pushed) => [...new Set(steps.map(({ phase }) => phase))]
const isUpload = /\/blobs\/uploads\//

check(
  "what is pushed has compressed layers, the same manifest each time, and comes back as the same image",
  async (bench) => {
    const { registry, stores, make, push } = bench
    const target = await make(randomBytes(10_000))
    const first = await push(target)
    expect(first.form).toEqual(first.pushed)
    const { layers, config } = documentAt(registry, "app", "1")
    expect(layers[0]!.mediaType).toBe(mediaTypes.ociLayerGzip)
    expect(registry.blobs.get(layers[0]!.digest)!.readUInt16BE(0)).toBe(0x1f8b)
    expect(phases(first)).toEqual(["compressing", "queued", "sending", "sent"])
    const again = await push(target)
    expect(again.pushed).toEqual(first.pushed)
    expect(phases(again)).toEqual(["queued", "present"])
    await using other = await openStores()
    await other.leases.within(other.scope, async (scope) => {
      const reference = parseReference(`${registry.host}/app:1`)
      const pulled = await other.remote.pull(scope, reference, { found: () => {}, progress: () => {} })
      expect(pulled.image.id).toBe(config.digest)
    })
    expect(await stores.remote.isAt(stores.scope, { domain: registry.host, path: "app" }, first.pushed.digest)).toBe(
      true,
    )
  },
)

check(
  "a blob that another repository of the registry has is taken over, and sent when that is refused",
  async (bench) => {
    const { registry, make, push } = bench
    const target = await make(randomBytes(10_000))
    const { form } = await push(target, "app:1")
    expect(phases(await push(form, "other:1"))).toEqual(["queued", "linked"])
    registry.fault = ({ path, method }, response) => {
      if (method !== "POST" || !path.includes("mount=")) return false
      refuse(response, 401, "UNAUTHORIZED")
      return true
    }
    expect(phases(await push(form, "third:1"))).toEqual(["queued", "sending", "sent"])
  },
)

check("the tag comes last: when a layer fails, there is none", async ({ registry, make, push }) => {
  const target = await make(randomBytes(10_000))
  registry.fault = ({ method, path }, response) => {
    if (method !== "PUT" || !isUpload.test(path)) return false
    refuse(response, 403, "DENIED", "requested access to the resource is denied")
    return true
  }
  const { kind, message } = await failure(push(target))
  expect(kind).toBe("permissionDenied")
  expect(message).toBe("denied: requested access to the resource is denied")
  expect(registry.manifests.get("app")).toBeUndefined()
})

check("a cut upload goes on from where the registry says it is", async ({ registry, make, push }) => {
  const target = await make(randomBytes(3_000_000))
  registry.fault = ({ method, path, before }, response, body) => {
    if (method !== "PUT" || !isUpload.test(path) || before > 0) return false
    return new Promise<boolean>((resolve) => {
      // The first megabyte arrives; then the connection goes.
      void body().catch(() => {})
      setTimeout(() => {
        response.socket?.destroy()
        resolve(true)
      }, 30)
    })
  }
  const { pushed } = await push(target)
  expect(documentAt(registry, "app", pushed.digest).layers).toHaveLength(1)
})

check("an upload that the registry has lost is begun anew, but not for ever", async ({ registry, make, push }) => {
  const target = await make(randomBytes(100_000))
  const lost = (times: number) => {
    let left = times
    registry.fault = ({ method, path }, response, body) => {
      if (method !== "PUT" || !isUpload.test(path) || left-- <= 0) return false
      return body().then(() => {
        refuse(response, 404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return true
      })
    }
  }
  lost(2)
  const { pushed } = await push(target)
  expect(documentAt(registry, "app", pushed.digest).layers).toHaveLength(1)
  lost(1000)
  const { message } = await failure(push(await make(randomBytes(1000)), "other:1"))
  expect(message).toBe("blob upload unknown: blob upload unknown to registry")
  expect(registry.manifests.get("other")).toBeUndefined()
})

check("a registry in trouble for a moment is asked again, also while blobs and manifests go up", async (bench) => {
  const { registry, make, push } = bench
  const target = await make(randomBytes(100_000))
  const troubles = ["POST", "PUT /blobs", "PUT /manifests"]
  registry.fault = async ({ method, path }, response, body) => {
    const what = method === "PUT" ? `PUT ${isUpload.test(path) ? "/blobs" : "/manifests"}` : method
    const at = troubles.indexOf(what)
    if (at < 0) return false
    troubles.splice(at, 1)
    await body()
    if (what === "POST") refuse(response, 429, "TOOMANYREQUESTS", "slowly", { "retry-after": "1" })
    else response.writeHead(502).end()
    return true
  }
  await push(target)
  expect(troubles).toEqual([])
})

check(
  "a registry that is never satisfied with a token, or wants other bytes, ends a push with its reason",
  async (bench) => {
    const { registry, make, push } = bench
    const target = await make(randomBytes(1000))
    registry.fault = async ({ path }, response, body) => {
      await body()
      if (path.startsWith("/token")) response.end(JSON.stringify({ token: "t" }))
      else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end()
      return true
    }
    const refused = await failure(push(target))
    expect([refused.kind, refused.message]).toEqual(["unauthenticated", "unauthorized: authentication required"])
    expect(registry.log.length).toBeLessThan(20)
    registry.fault = async ({ method, path }, response, body) => {
      if (method !== "PUT" || !isUpload.test(path)) return false
      await body()
      refuse(response, 400, "DIGEST_INVALID", "provided digest did not match uploaded content")
      return true
    }
    expect((await failure(push(target))).message).toBe("digest invalid: provided digest did not match uploaded content")
    expect(registry.manifests.get("app")).toBeUndefined()
  },
)

check("an upload may lie at another host, which gets no credentials", async ({ registry, make, push }) => {
  await using elsewhere = await MemoryRegistry.start()
  const target = await make(randomBytes(1000))
  elsewhere.fault = async ({ method }, response, body) => {
    registry.addBlob("app", await body())
    response.writeHead(201).end()
    return method === "PUT"
  }
  registry.fault = async ({ method, path, headers }, response) => {
    if (path.startsWith("/token")) response.end(JSON.stringify({ token: "secret" }))
    else if (headers.authorization !== "Bearer secret") {
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end()
    } else if (method === "POST") response.writeHead(202, { location: `http://${elsewhere.host}/store?state=1` }).end()
    else return false
    return true
  }
  const { pushed } = await push(target)
  expect(documentAt(registry, "app", pushed.digest).layers).toHaveLength(1)
  const taken = elsewhere.log.map(({ method, headers }) => [method, headers.authorization])
  expect(taken).toEqual([
    ["PUT", undefined],
    ["PUT", undefined],
  ])
})

check("layers are told of from the topmost down", async ({ stores, push }) => {
  await using source = await MemoryRegistry.start()
  const tars = ["bottom", "middle", "top"].map((name) => tarOf([name, {}, name]))
  source.addImage("app", "1", tars)
  const reference = parseReference(`${source.host}/app:1`)
  const { target } = await stores.remote.pull(stores.scope, reference, { found: () => {}, progress: () => {} })
  const { steps } = await push(target)
  const told = steps.filter(({ phase }) => phase === "queued").map(({ diffID }) => String(diffID))
  expect(told).toEqual(tars.map((tar) => String(digestOf(tar))).reverse())
})

check("a registry that takes no large requests gets pieces", async ({ registry, make, push }) => {
  const target = await make(randomBytes(24 << 20))
  const sizes: number[] = []
  registry.fault = async ({ method, path, headers }, response, body) => {
    if (!isUpload.test(path)) return false
    const size = Number(headers["content-length"] ?? 0)
    if (size > 20 << 20) {
      await body().catch(() => {})
      response.writeHead(413, { connection: "close" }).end()
      return true
    }
    if (method === "PATCH") sizes.push(size)
    return false
  }
  await push(target)
  expect(sizes.length).toBeGreaterThan(1)
  expect(Math.max(...sizes)).toBeLessThanOrEqual(16 << 20)
})

check("every platform of an index goes out, and one alone when it is asked for", async ({ stores, registry, push }) => {
  await using source = await MemoryRegistry.start()
  const images = ["amd64", "arm64"].map((architecture) => ({
    ...source.addImage("multi", undefined, [tarOf(["file", {}, architecture])], { architecture }),
    platform: { os: "linux", architecture },
  }))
  const index = source.addManifest("multi", "1", {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: images,
  } as { mediaType: string })
  const { scope, remote } = stores
  for (const platform of images.map((image) => image.platform)) {
    const reference = parseReference(`${source.host}/multi:1`)
    await remote.pull(scope, reference, { platform, found: () => {}, progress: () => {} })
  }
  const { pushed } = await push(index)
  expect(pushed.digest).toBe(index.digest)
  for (const image of images) expect(registry.manifests.get("app")!.has(image.digest)).toBe(true)
  const one = await remote.push(scope, parseReference(`${registry.host}/app:arm`), index, {
    platform: { os: "linux", architecture: "arm64" },
    progress: () => {},
  })
  expect(one.pushed.digest).toBe(images[1]!.digest as Digest)
})

check("a registry that stores other bytes than were sent is found out", async ({ registry, make, push }) => {
  const target = await make(randomBytes(1000))
  registry.fault = ({ method, path }, response) => {
    if (method !== "PUT" || !path.includes("/manifests/")) return false
    response.writeHead(201, { "docker-content-digest": digestOf("other") }).end()
    return true
  }
  expect((await failure(push(target))).kind).toBe("dataLoss")
})

check("an upload cut on a connection that was used before is not begun again on top of what arrived", async (bench) => {
  const { registry, make, push } = bench
  const target = await make(randomBytes(3_000_000))
  let cuts = 0
  registry.fault = ({ method, path }, response) => {
    if (method !== "PUT" || !isUpload.test(path) || cuts > 0) return false
    cuts++
    // The registry keeps what came until then.
    setTimeout(() => response.socket?.destroy(), 20)
    return false
  }
  const { pushed } = await push(target)
  expect(documentAt(registry, "app", pushed.digest).layers).toHaveLength(1)
  expect(registry.count(/POST .*uploads/)).toBe(2) // one for the layer, one for the configuration
})

check("a registry that still writes a broken upload's bytes is asked again where it stands", async (bench) => {
  const { registry, make, push } = bench
  const target = await make(randomBytes(2_000_000))
  let refused = 0
  registry.fault = async ({ method, path }, response, body) => {
    if (!isUpload.test(path)) return false
    if (method === "PUT" && refused === 0) {
      setTimeout(() => response.socket?.destroy(), 20)
      refused++
      return false
    }
    if (method !== "PATCH" || refused > 1) return false
    refused++
    await body()
    response.writeHead(416, { range: "0-0" }).end()
    return true
  }
  const { pushed } = await push(target)
  expect(documentAt(registry, "app", pushed.digest).layers).toHaveLength(1)
})

check("referrers are listed under a tag where the registry has no list of them", async (bench) => {
  const { registry, stores } = bench
  await using source = await MemoryRegistry.start()
  const subject = source.addImage("app", "1", [Buffer.alloc(1024)])
  const config = { mediaType: "application/vnd.oci.empty.v1+json", ...source.addBlob("app", Buffer.from("{}")) }
  const about = [1, 2].map((number) =>
    source.addManifest("app", undefined, {
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: "application/sbom",
      config,
      layers: [],
      subject,
      annotations: { number: String(number) },
    } as { mediaType: string }),
  )
  source.addManifest("app", subject.digest.replace(":", "-"), {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: about.map((each) => ({ ...each, artifactType: "application/sbom" })),
  } as { mediaType: string })
  const options = { referrers: true, credentials: () => undefined, progress: () => {} }
  const from = parseReference(`${source.host}/app:1`)
  for (let round = 0; round < 2; round++) {
    await stores.remote.copy(stores.scope, from, parseReference(`${registry.host}/copy:1`), options)
  }
  const list = documentAt(registry, "copy", subject.digest.replace(":", "-")) as unknown as { manifests: object[] }
  expect(list.manifests).toEqual(
    about.map((each, index) => ({
      ...each,
      artifactType: "application/sbom",
      annotations: { number: String(index + 1) },
    })),
  )
  // One that keeps a list says so, and gets no tag.
  registry.manifests.clear()
  registry.fault = async ({ method, path, headers }, response, body) => {
    if (method !== "PUT" || !path.includes("/manifests/sha256:")) return false
    const bytes = await body()
    const { subject: named } = JSON.parse(bytes.toString("utf8")) as { subject?: { digest: string } }
    registry.addManifest("copy", undefined, JSON.parse(bytes.toString("utf8")) as { mediaType: string })
    expect(headers["content-type"]).toBe(mediaTypes.ociManifest)
    response.writeHead(201, named ? { "oci-subject": named.digest } : {}).end()
    return true
  }
  await stores.remote.copy(stores.scope, from, parseReference(`${registry.host}/copy:1`), options)
  expect(registry.manifests.get("copy")?.has(subject.digest.replace(":", "-"))).toBe(false)
})
