import { expect } from "bun:test"
import { randomBytes } from "node:crypto"
import { inspectRemote } from "../../src/engine/registry/distribution.ts"
import { Failure } from "../../src/errors/failure.ts"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { digestOf } from "../../src/oci/digest.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { failure } from "../fixtures/failure.ts"
import { MemoryRegistry, refuse, sendBytes } from "../fixtures/memory-registry.ts"
import { big, check, expectNothing, file, identity, isBlob } from "../fixtures/pulls.ts"

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
    expect(pulled.steps.map((step) => (step.phase === "retrying" ? step.wait : 0))).toContain(1000)
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
    const several = Promise.withResolvers<void>()
    registry.fault = async ({ path, method, headers, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
      if (before > 0) {
        most = Math.max(most, ++under)
        if (under === 4) several.resolve()
        await several.promise
        under--
        sendBytes(response, tar, headers.range)
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
        progress: (progress) => {
          if ("current" in progress && progress.current > 0) controller.abort(new Failure("cancelled", "given up"))
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

check(
  "a partly fetched layer that is answered with something else fails at once, and what came stays",
  async (bench) => {
    const { registry, pull } = bench
    const tar = big(400_000)
    registry.addImage("app", "1", [tar], { compress: identity })
    const page = "<html>Please log in</html>"
    let portal = 0
    registry.fault = ({ path, method, before }, response) => {
      if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
      if (before === 0) {
        response.writeHead(200, { "content-length": tar.length })
        response.write(tar.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 20))
        return true
      }
      // Whoever asks without end is let go, so that the test ends too.
      if (portal++ > 20) return false
      response.writeHead(200, { "content-type": "text/html", "content-length": page.length }).end(page)
      return true
    }
    const { kind, message } = await failure(pull())
    expect([kind, portal]).toEqual(["dataLoss", 2])
    expect(message).toEndWith(`the registry has ${page.length} bytes, the manifest says ${tar.length}`)
    registry.fault = undefined
    await pull()
    const last = registry.log.filter(({ path, method }) => method === "GET" && path.endsWith(digestOf(tar))).at(-1)!
    expect(last.headers.range).toMatch(/^bytes=[1-9]\d+-$/)
  },
)

check("a body that ends early by itself is tried a few times, and nothing of it is kept", async (bench) => {
  const { registry, pull } = bench
  const tar = big(400_000)
  registry.addImage("app", "1", [tar], { compress: identity })
  const ranges: (string | undefined)[] = []
  registry.fault = ({ path, method, headers }, response) => {
    if (method !== "GET" || !path.endsWith(digestOf(tar))) return false
    ranges.push(headers.range)
    response.write("<html>Please log in</html>", () => response.end())
    return ranges.length < 20
  }
  expect((await failure(pull())).kind).toBe("unavailable")
  expect(ranges).toEqual([undefined, undefined, undefined])
})

check("manifests that readers could take for different things are refused (CVE-2021-41190)", async (bench) => {
  const { registry, pull, stores } = bench
  const image = registry.addImage("app", "1", [file("one")])
  const parsed = JSON.parse(registry.manifests.get("app")!.get("1")!.bytes.toString("utf8")) as { mediaType: string }
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [image] }
  const twofold: readonly [string, { mediaType: string }][] = [
    ["manifest-with-manifests", { ...parsed, manifests: [image] } as { mediaType: string }],
    ["manifest-with-Manifests", { ...parsed, Manifests: [image] } as { mediaType: string }],
    ["manifest-with-fslayers", { ...parsed, fsLayers: [{ blobSum: image.digest }] } as { mediaType: string }],
    ["index-with-layers", { ...index, layers: [image] } as { mediaType: string }],
    ["index-with-config", { ...index, config: image } as { mediaType: string }],
  ]
  const { scope, remote, registries } = stores
  for (const [tag, document] of twofold) {
    registry.addManifest("app", tag, document)
    const reference = parseReference(`${registry.host}/app:${tag}`)
    const copy = () =>
      remote.copy(scope, reference, parseReference(`${registry.host}/other:1`), {
        referrers: false,
        credentials: () => undefined,
        progress: () => {},
      })
    const inspect = () => inspectRemote(registries, scope, `${registry.host}/app:${tag}`, undefined)
    for (const work of [() => pull(`app:${tag}`), copy, inspect]) {
      const { kind, message } = await failure(work())
      expect([tag, kind]).toEqual([tag, "invalidArgument"])
      expect(message).toContain("it is refused")
    }
  }
  expect(registry.manifests.get("other")).toBeUndefined()
  await expectNothing(bench)
})

check("a manifest that is announced as another kind than it says is refused", async (bench) => {
  const { registry, pull } = bench
  const { digest } = registry.addImage("app", "1", [file("one")])
  registry.fault = ({ path, method }, response) => {
    if (!path.includes("/manifests/")) return false
    const { bytes } = registry.manifests.get("app")!.get(digest)!
    response.writeHead(200, {
      "content-type": mediaTypes.ociIndex,
      "content-length": bytes.length,
      "docker-content-digest": digest,
    })
    response.end(method === "HEAD" ? undefined : bytes)
    return true
  }
  const { kind, message } = await failure(pull())
  expect(kind).toBe("invalidArgument")
  expect(message).toContain("was announced as")
  await expectNothing(bench)
})

check("a page in place of a manifest is told as what it is", async ({ registry, pull }) => {
  registry.fault = (_asked, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<html>Please log in</html>")
    return true
  }
  const { message } = await failure(pull())
  expect(message).toBe(`manifest 1 of app from ${registry.host} is not a JSON object (Content-Type text/html)`)
})
