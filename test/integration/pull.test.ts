import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { zstdCompressSync } from "node:zlib"
import type { TransferProgress } from "../../src/core/transfer/contract.ts"
import { Failure } from "../../src/errors/failure.ts"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { parseReference, withDefaultTag } from "../../src/oci/reference.ts"
import { collectBytes, openStores, type Stores } from "../core-stores.ts"
import { eventually } from "../fixtures/eventually.ts"
import { MemoryRegistry, refuse, sendBytes } from "../fixtures/memory-registry.ts"
import { tarOf } from "../tar-archive.ts"

interface Bench {
  readonly stores: Stores
  readonly registry: MemoryRegistry
  /** Pulls `app:1`, or what is said, and tells what was told. */
  pull(ref?: string): Promise<Pulled>
}

interface Pulled {
  readonly digest: string
  readonly id: string
  readonly steps: readonly TransferProgress[]
}

type Options = Parameters<typeof openStores>[1]

async function withRegistry(use: (bench: Bench) => Promise<void>, options: Options = {}): Promise<void> {
  await using registry = await MemoryRegistry.start()
  await using stores = await openStores(undefined, options)
  const { scope, remote, leases } = stores
  await use({
    stores,
    registry,
    pull: (ref = "app:1") =>
      leases.within(scope, async (held) => {
        const steps: TransferProgress[] = []
        const reference = withDefaultTag(parseReference(`${registry.host}/${ref}`))
        const { target, image } = await remote.pull(held, reference, {
          found: () => {},
          progress: (progress) => steps.push(progress),
        })
        await stores.images.set(held, ref, target)
        return { digest: target.digest, id: image.id, steps }
      }),
  })
}

const check = (name: string, use: (bench: Bench) => Promise<void>, options?: Options) =>
  test(name, () => withRegistry(use, options))

const file = (name: string, content: string | Buffer = name) => tarOf([name, {}, content])
const big = (bytes: number) => file("big", randomBytes(bytes))
const identity = (tar: Buffer) => tar
const failure = (work: Promise<unknown>): Promise<Failure> =>
  work.then(
    () => {
      throw new Error("nothing failed")
    },
    (error: unknown) => {
      if (error instanceof Failure) return error
      throw error
    },
  )
const statuses = ({ steps }: Pulled) => [...new Set(steps.map(({ status }) => status))]
const isBlob = /\/blobs\/sha256/

/** Nothing of a failed pull stays: no image, no open write, and after a collection no content. */
async function expectNothing({ stores }: Bench): Promise<void> {
  const { scope, content, images, collector } = stores
  await collector.collect()
  expect(await images.list(scope)).toEqual([])
  expect(await Array.fromAsync(content.list(scope))).toEqual([])
}

check("an image is pulled, unpacked, and each layer's steps are told in Docker's words", async (bench) => {
  const { registry, pull, stores } = bench
  const { digest } = registry.addImage("app", "1", [file("one"), file("two")])
  const pulled = await pull()
  expect(pulled.digest).toBe(digest)
  const { id } = pulled.steps[0]!
  const ofFirst = pulled.steps.filter((step) => step.id === id).map(({ status }) => status)
  expect([...new Set(ofFirst)]).toEqual([
    "Pulling fs layer",
    "Downloading",
    "Verifying Checksum",
    "Download complete",
    "Extracting",
    "Pull complete",
  ])
  const found = await stores.images.get(stores.scope, "app:1")
  const resolved = await stores.transfer.resolve(stores.scope, found.target)
  expect(await stores.snapshots.find(stores.scope, resolved.chainID!)).toBeDefined()
})

check(
  "layers are unpacked while they come, the upper before the lower, and committed once they are verified",
  async ({ registry, pull, stores }) => {
    const tars = ["lower", "upper"].map((name) => tarOf([name, {}, "1"], ["big", {}, randomBytes(6 << 20)]))
    registry.addImage("app", "1", tars, { compress: identity })
    // In either form: the file, or the archive that begins with it.
    const unpacked = (name: string) =>
      readdirSync(stores.root).some((id) => {
        const archive = join(stores.root, id, "layer.tar")
        const kept = existsSync(archive) && readFileSync(archive).toString("latin1", 0, name.length) === name
        return kept || existsSync(join(stores.root, id, "fs", name))
      })
    registry.fault = async ({ path, method }, response) => {
      const at = tars.findIndex((tar) => path.endsWith(digestOf(tar)))
      if (method !== "GET" || at < 0) return false
      const tar = tars[at]!
      if (at === 0) await eventually(async () => unpacked("upper"), "the upper layer is unpacked half")
      response.writeHead(200, { "content-length": tar.length })
      response.write(tar.subarray(0, tar.length >> 1))
      await eventually(async () => unpacked("lower") && unpacked("upper"), "both layers are unpacked half")
      expect((await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)).not.toContain("committed")
      response.end(tar.subarray(tar.length >> 1))
      return true
    }
    await pull()
    const kinds = (await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)
    expect(kinds).toEqual(["committed", "committed"])
    await stores.images.remove(stores.scope, "app:1")
    await stores.collector.collect()
    expect(await stores.snapshots.list(stores.scope)).toEqual([])
  },
)

check(
  "what was unpacked of bytes that turn out wrong is dropped, and done anew when the right ones come",
  async (bench) => {
    const { registry, pull, stores } = bench
    const tar = big(6 << 20)
    registry.addImage("app", "1", [tar])
    const blob = registry.blobs.get([...registry.blobs.keys()][0]!)!
    const wrong = Buffer.from(blob)
    wrong.fill(0, blob.length >> 1)
    registry.fault = ({ path, method }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(blob))) return false
      sendBytes(response, wrong, undefined)
      return true
    }
    expect((await failure(pull())).kind).toBe("dataLoss")
    await expectNothing(bench)
    expect(await stores.snapshots.list(stores.scope)).toEqual([])
    // A cut download that goes on with other bytes than it began with: what is there is given up, all of it comes again.
    registry.fault = ({ path, method, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(blob)) || before !== 1) return false
      response.writeHead(200, { "content-length": blob.length })
      response.write(wrong.subarray(0, blob.length - 1000), () => response.destroy())
      return true
    }
    await pull()
    expect((await stores.snapshots.list(stores.scope)).map(({ kind }) => kind)).toEqual(["committed"])
  },
)

check(
  "layers that need not be kept go once they are unpacked, and come again when they are pushed",
  async ({ registry, pull, stores }) => {
    const { scope, content, collector, leases, remote } = stores
    const [base, one, two] = [file("base"), file("one"), file("two")]
    registry.addImage("app", "1", [base, one], { compress: identity })
    registry.addImage("app", "2", [base, two], { compress: identity })
    const layersHere = async () => {
      await collector.collect()
      const digests = (await Array.fromAsync(content.list(scope))).map(({ digest }) => digest)
      return [base, one, two].map((tar) => digests.includes(digestOf(tar)))
    }
    const first = await pull()
    expect(await layersHere()).toEqual([false, false, false])
    expect((await stores.snapshots.list(scope)).length).toBe(2)
    // What is unpacked is there: nothing of it is fetched again.
    const before = registry.count(isBlob)
    await pull()
    expect(registry.count(isBlob)).toBe(before)
    expect(statuses(await pull("app:2"))).toContain("Already exists")
    expect(registry.count(isBlob)).toBe(before + 2)
    await using other = await MemoryRegistry.start()
    const { target } = await stores.images.get(scope, "app:1")
    const push = () =>
      leases.within(scope, (held) =>
        remote.push(held, parseReference(`${other.host}/copy:1`), target, { progress: () => {} }),
      )
    expect((await push()).pushed.digest).toBe(first.digest as Digest)
    expect(await layersHere()).toEqual([false, false, false])
    {
      await using _restored = await remote.restore(scope, target)
      const saved = await collectBytes(stores.transfer.save(scope, [{ target, names: [] }]))
      expect(saved.includes(base)).toBe(true)
      expect(await layersHere()).toEqual([true, true, false])
    }
    expect(await layersHere()).toEqual([false, false, false])
    registry.fault = (_asked, response) => {
      refuse(response, 404, "NAME_UNKNOWN")
      return true
    }
    other.manifests.clear()
    other.blobs = new Map()
    const { kind, message } = await failure(push())
    expect([kind, message]).toEqual(["notFound", expect.stringContaining("pull or load the image again")])
  },
  { keepLayers: false },
)

check("what is there is not fetched: the same image again, and the layers of another", async (bench) => {
  const { registry, pull } = bench
  const base = file("base")
  registry.addImage("app", "1", [base])
  registry.addImage("app", "2", [base, file("more")])
  await pull()
  const before = registry.count(isBlob)
  expect((await pull()).steps).toEqual([])
  expect(registry.count(isBlob)).toBe(before)
  expect(statuses(await pull("app:2"))).toContain("Already exists")
  expect(registry.count(isBlob)).toBe(before + 2)
})

check("a layer is fetched once however many pull it at the same time", async ({ registry, pull }) => {
  registry.addImage("app", "1", [big(200_000)])
  registry.addImage("app", "2", [big(200_000)])
  const { layers } = JSON.parse(registry.manifests.get("app")!.get("1")!.bytes.toString()) as {
    layers: { digest: string }[]
  }
  const pulled = await Promise.all([pull(), pull(), pull(), pull("app:2")])
  expect(registry.count(new RegExp(`GET .*${layers[0]!.digest}`))).toBe(1)
  expect(pulled.slice(0, 3).every(({ id }) => id === pulled[0]!.id)).toBe(true)
})

check("of an index the host's image is taken, nearest variant first", async ({ registry, pull }) => {
  const other = registry.addImage("app", undefined, [file("arm")], { architecture: "arm64" })
  const own = registry.addImage("app", undefined, [file("own")], {
    architecture: process.arch === "x64" ? "amd64" : "arm64",
  })
  const platform = (architecture: string) => ({ platform: { os: "linux", architecture } })
  const index = registry.addManifest("app", "1", {
    mediaType: mediaTypes.ociIndex,
    schemaVersion: 2,
    manifests: [
      { ...other, ...platform("riscv64") },
      { ...own, ...platform(process.arch === "x64" ? "amd64" : "arm64") },
    ],
  } as { mediaType: string })
  const pulled = await pull()
  expect(pulled.digest).toBe(index.digest)
  expect(registry.count(new RegExp(`GET .*/manifests/${other.digest}`))).toBe(0)
})

check(
  "an index without the host's platform, and images of the first form, are refused in Docker's words",
  async (bench) => {
    const { registry, pull } = bench
    const other = registry.addImage("app", undefined, [file("arm")], { architecture: "riscv64" })
    registry.addManifest("app", "1", {
      mediaType: mediaTypes.ociIndex,
      schemaVersion: 2,
      manifests: [{ ...other, platform: { os: "linux", architecture: "riscv64" } }],
    } as { mediaType: string })
    expect((await failure(pull())).message).toMatch(
      /^no matching manifest for linux\/\w+ in the manifest list entries$/,
    )
    registry.addManifest("app", "old", {
      mediaType: "application/vnd.docker.distribution.manifest.v1+prettyjws",
      schemaVersion: 1,
    } as { mediaType: string })
    expect((await failure(pull("app:old"))).message).toContain("schema 1 support has been removed")
    await expectNothing(bench)
  },
)

check("layers compressed with zstd, and not at all, are taken", async ({ registry, pull }) => {
  registry.addImage("app", "1", [file("one")], {
    compress: (tar) => zstdCompressSync(tar),
    type: mediaTypes.ociLayerZstd,
  })
  registry.addImage("app", "2", [file("two")], { compress: identity, type: mediaTypes.ociLayer })
  await pull()
  await pull("app:2")
})

check("a layer that registries may not keep comes from where its descriptor says", async ({ registry, pull }) => {
  const tar = file("foreign")
  const image = registry.addImage("app", undefined, [tar], { compress: identity })
  const bytes = registry.manifests.get("app")!.get(image.digest)!.bytes
  const document = JSON.parse(bytes.toString()) as { mediaType: string; layers: object[] }
  const urls = [`http://${registry.host}/elsewhere`]
  const layer = { ...document.layers[0], mediaType: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", urls }
  registry.addManifest("app", "1", { ...document, layers: [layer] } as { mediaType: string })
  registry.fault = ({ path }, response) => {
    if (isBlob.test(path) && path.endsWith(digestOf(tar))) refuse(response, 404, "BLOB_UNKNOWN")
    else if (path === "/elsewhere") response.end(tar)
    else return false
    return true
  }
  await pull()
  expect(registry.count(/GET \/elsewhere/)).toBe(1)
})

check("a cut layer is continued where it ended", async ({ registry, pull }) => {
  const tar = big(400_000)
  registry.addImage("app", "1", [tar], { compress: identity })
  const asked: (string | undefined)[] = []
  registry.fault = ({ path, headers, method }, response) => {
    if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
    asked.push(headers.range)
    if (asked.length > 3) return false
    // Half of what was asked for, then the connection goes.
    const from = Number(/\d+/.exec(headers.range ?? "0")![0])
    response.writeHead(from ? 206 : 200, {
      "content-length": tar.length - from,
      ...(from ? { "content-range": `bytes ${from}-${tar.length - 1}/${tar.length}` } : {}),
    })
    response.write(tar.subarray(from, from + 50_000), () => setTimeout(() => response.destroy(), 20))
    return true
  }
  await pull()
  const offsets = asked.map((range) => Number(/\d+/.exec(range ?? "0")![0]))
  expect(offsets[0]).toBe(0)
  expect(offsets.at(-1)).toBeGreaterThan(50_000)
  expect(offsets).toEqual(offsets.toSorted((one, other) => one - other))
})

check(
  "a registry that falls silent is given up, and asked for the rest anew",
  async ({ registry, pull }) => {
    const tar = big(300_000)
    registry.addImage("app", "1", [tar], { compress: identity })
    registry.fault = ({ path, method, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar)) || before > 0) return false
      response.writeHead(200, { "content-length": tar.length })
      response.write(tar.subarray(0, 100_000))
      return true
    }
    await pull()
    const last = registry.log.filter(({ path, method }) => method === "GET" && path.endsWith(digestOf(tar))).at(-1)!
    expect(last.headers.range).toBe("bytes=100000-")
  },
  { stallTimeout: 1000 },
)

check("a registry that knows no ranges sends all again, and what is there already is passed over", async (bench) => {
  const { registry, pull } = bench
  const tar = big(300_000)
  registry.addImage("app", "1", [tar], { compress: identity })
  registry.fault = ({ path, method, before }, response) => {
    if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
    response.writeHead(200, { "content-length": tar.length })
    if (before === 0) response.write(tar.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20))
    else response.end(tar)
    return true
  }
  await pull()
})

check("other bytes than the digest's are refused, whatever their length, and nothing of them stays", async (bench) => {
  const { registry, pull } = bench
  const tar = big(100_000)
  registry.addImage("app", "1", [tar], { compress: identity })
  for (const wrong of [randomBytes(tar.length), tar.subarray(0, 50_000), Buffer.concat([tar, tar])]) {
    registry.fault = ({ path, method }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
      response.writeHead(200, { "content-length": wrong.length }).end(wrong)
      return true
    }
    const { kind, message } = await failure(pull())
    expect(kind).toBe("dataLoss")
    expect(message).toStartWith(`filesystem layer verification failed for digest ${digestOf(tar)}`)
    await expectNothing(bench)
  }
})

check("a wrong range is not taken for the right one", async (bench) => {
  const { registry, pull } = bench
  const tar = big(300_000)
  registry.addImage("app", "1", [tar], { compress: identity })
  registry.fault = ({ path, method, before, headers }, response) => {
    if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
    if (before === 0) {
      response.writeHead(200, { "content-length": tar.length })
      response.write(tar.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20))
    } else if (before === 1) {
      response.writeHead(206, { "content-range": `bytes 200000-${tar.length - 1}/${tar.length}` })
      response.end(tar.subarray(200_000))
    } else if (before === 2) {
      response.writeHead(206, { "content-length": 10 }).end(tar.subarray(0, 10))
    } else sendBytes(response, tar, headers.range)
    return true
  }
  expect((await failure(pull())).message).toContain("from byte 200000, not")
  expect((await failure(pull())).message).toEndWith("sent a part of a blob without saying which")
  await pull()
})

check(
  "damage to what an interrupted pull has left is found, and the layer comes anew",
  async ({ registry, pull, stores }) => {
    const { scope, content } = stores
    const tar = big(200_000)
    registry.addImage("app", "1", [tar], { compress: identity })
    {
      await using ingest = await content.ingest(scope, `pull-${digestOf(tar)}`, { expected: digestOf(tar) })
      await ingest.write(randomBytes(70_000))
    }
    await pull()
    expect(await content.has(scope, digestOf(tar))).toBe(true)
  },
)

check("a manifest that is not what its digest says, or is huge, is refused", async (bench) => {
  const { registry, pull } = bench
  const { digest } = registry.addImage("app", "1", [file("one")])
  registry.fault = ({ path, method }, response) => {
    if (method !== "GET" || !path.endsWith(digest)) return false
    response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end("{}")
    return true
  }
  expect((await failure(pull())).message).toStartWith(`manifest verification failed for digest ${digest}`)
  registry.fault = ({ path, method }, response) => {
    if (method !== "GET" || !path.endsWith(digest)) return false
    response.writeHead(200, { "content-type": mediaTypes.ociManifest })
    response.end(Buffer.alloc(5 << 20, " "))
    return true
  }
  expect((await failure(pull())).kind).toBe("tooLarge")
  await expectNothing(bench)
})

check("a registry that is in trouble for a moment is asked again", async ({ registry, pull }) => {
  registry.addImage("app", "1", [file("one")])
  registry.fault = ({ before }, response) => {
    if (before >= 2) return false
    if (before === 0) response.writeHead(500).end()
    else refuse(response, 503, "UNAVAILABLE")
    return true
  }
  await pull()
})

check("a registry that stays in trouble is told of with its status", async ({ registry, pull }) => {
  registry.addImage("app", "1", [file("one")])
  registry.fault = (_asked, response) => {
    response.writeHead(500).end()
    return true
  }
  expect((await failure(pull())).message).toBe("received unexpected HTTP status: 500 Internal Server Error")
})

check(
  "a limit of requests is waited for when the wait is short, and told in plain words when it is not",
  async (bench) => {
    const { registry, pull } = bench
    registry.addImage("app", "1", [file("one")])
    const limited = (seconds: string, times: number) => {
      registry.fault = ({ path, before }, response) => {
        if (!isBlob.test(path) || before >= times) return false
        refuse(response, 429, "TOOMANYREQUESTS", "you have reached your limit", { "retry-after": seconds })
        return true
      }
    }
    limited("1", 1)
    const began = performance.now()
    const pulled = await pull()
    expect(performance.now() - began).toBeGreaterThan(900)
    expect(statuses(pulled)).toContain("Retrying in 1 second")
    registry.addImage("app", "2", [file("two")])
    limited("3600", 1000)
    const { kind, message } = await failure(pull("app:2"))
    expect(kind).toBe("exhausted")
    expect(message).toBe("toomanyrequests: you have reached your limit")
    registry.fault = (_asked, response) => {
      response.writeHead(429, { "retry-after": "3600" }).end()
      return true
    }
    expect((await failure(pull("app:2"))).message).toBe(
      `toomanyrequests: ${registry.host} limits how often it is asked; log in for a higher limit, use a mirror, or try again in 3600 seconds`,
    )
  },
)

check("a blob may lie at another host, which gets no credentials", async ({ registry, pull }) => {
  await using elsewhere = await MemoryRegistry.start()
  const { digest } = registry.addImage("app", "1", [file("one")])
  registry.fault = ({ path, headers }, response) => {
    if (!headers.authorization) {
      response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end()
      if (path.startsWith("/token")) throw new Error("the token service needs no token")
    } else if (isBlob.test(path)) response.writeHead(307, { location: `http://${elsewhere.host}${path}` }).end()
    else return false
    return true
  }
  const guarded = registry.fault
  registry.fault = (asked, response, body) => {
    if (!asked.path.startsWith("/token")) return guarded(asked, response, body)
    response.end(JSON.stringify({ token: "secret" }))
    return true
  }
  elsewhere.blobs = registry.blobs
  elsewhere.fault = ({ path }, response) => {
    response.end(registry.blobs.get(path.split("/").at(-1)!))
    return true
  }
  expect((await pull()).digest).toBe(digest)
  expect(elsewhere.log.length).toBeGreaterThan(0)
  expect(elsewhere.log.every(({ headers }) => headers.authorization === undefined)).toBe(true)
})

check("redirects without end, and a registry that is never satisfied with a token, come to an end", async (bench) => {
  const { registry, pull } = bench
  registry.fault = ({ path }, response) => {
    response.writeHead(307, { location: path }).end()
    return true
  }
  expect((await failure(pull())).message).toEndWith("stopped after 10 redirects")
  expect(registry.log.length).toBeLessThan(30)
  let tokens = 0
  registry.fault = ({ path }, response) => {
    if (path.startsWith("/token")) response.end(JSON.stringify({ token: `t${tokens++}` }))
    else response.writeHead(401, { "www-authenticate": `Bearer realm="http://${registry.host}/token"` }).end()
    return true
  }
  const { kind, message } = await failure(pull())
  expect(kind).toBe("unauthenticated")
  expect(message).toBe("unauthorized: authentication required")
  expect(tokens).toBeLessThan(6)
})

check(
  "a slow layer comes in several ranges at a time",
  async ({ registry, pull }) => {
    const tar = big(2_000_000)
    registry.addImage("app", "1", [tar], { compress: identity })
    let under = 0
    let most = 0
    registry.fault = ({ path, method, headers, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
      if (before > 0) {
        most = Math.max(most, ++under)
        setTimeout(() => {
          under--
          sendBytes(response, tar, headers.range)
        }, 20)
        return true
      }
      response.writeHead(200, { "content-length": tar.length, "accept-ranges": "bytes" })
      const drip = (at: number): void => {
        if (at < tar.length && !response.destroyed) {
          response.write(tar.subarray(at, at + 10_000))
          setTimeout(() => drip(at + 10_000), 10)
        }
      }
      drip(0)
      return true
    }
    await pull()
    expect(most).toBe(4)
  },
  { ranges: { from: 1000, size: 200_000, atOnce: 4, worth: 60 } },
)

check(
  "who gives up a pull leaves no download behind, and the next goes on from there",
  async ({ registry, stores }) => {
    const { scope, remote, leases } = stores
    const tar = big(300_000)
    registry.addImage("app", "1", [tar], { compress: identity })
    const halted = Promise.withResolvers<void>()
    registry.fault = ({ path, method, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar)) || before > 0) return false
      response.writeHead(200, { "content-length": tar.length })
      response.write(tar.subarray(0, 100_000))
      response.on("close", () => halted.resolve())
      return true
    }
    const reference = parseReference(`${registry.host}/app:1`)
    const controller = new AbortController()
    const pulling = leases.within({ ...scope, signal: controller.signal }, (held) =>
      remote.pull(held, reference, {
        found: () => {},
        progress: ({ current }) => {
          if (current) controller.abort(new Failure("cancelled", "given up"))
        },
      }),
    )
    expect((await failure(pulling)).kind).toBe("cancelled")
    await halted.promise
    await leases.within(scope, (held) => remote.pull(held, reference, { found: () => {}, progress: () => {} }))
    const ranges = registry.log.filter(({ path, method }) => method === "GET" && path.endsWith(digestOf(tar)))
    expect(ranges.at(-1)!.headers.range).toMatch(/^bytes=[1-9]\d*-$/)
  },
)
