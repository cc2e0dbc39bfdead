import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { openStores } from "../core-stores.ts"
import { type Fault, MemoryRegistry } from "../fixtures/memory-registry.ts"
import { big, identity, isBlob } from "../fixtures/pulls.ts"

const page = "<html><body>Please log in</body></html>"
const isManifest = /\/manifests\//

/** Pulls an image of two layers from a registry with one mirror that does as `fault` says. */
async function pullPast(fault: Fault): Promise<{ asked: number; told: readonly string[] }> {
  await using registry = await MemoryRegistry.start()
  await using mirror = await MemoryRegistry.start()
  const layers = [big(300_000), big(200_000)]
  const { digest } = registry.addImage("app", "1", layers, { compress: identity })
  mirror.addImage("app", "1", layers, { compress: identity })
  mirror.fault = fault
  const folder = mkdtempSync(join(tmpdir(), "mirror-"))
  try {
    mkdirSync(join(folder, "mirrored.test"))
    writeFileSync(
      join(folder, "mirrored.test/hosts.toml"),
      `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`,
    )
    const told: string[] = []
    await using stores = await openStores(undefined, {
      registries: { directories: [folder] },
      stallTimeout: 500,
      trouble: (host, domain, why) => told.push(`${host === mirror.host} ${domain} ${why}`),
    })
    const target = await stores.leases.within(stores.scope, async (scope) => {
      const reference = parseReference("mirrored.test/app:1")
      return (await stores.remote.pull(scope, reference, { found: () => {}, progress: () => {} })).target
    })
    expect(target.digest).toBe(digest)
    return { asked: mirror.count(/./), told }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const blobs =
  (answer: (response: Parameters<Fault>[1], bytes: number) => void): Fault =>
  ({ path, method }, response) => {
    if (method !== "GET" || !isBlob.test(path)) return false
    answer(response, 300_000)
    return true
  }

/** Answers everything about a manifest. */
const manifests =
  (answer: (response: Parameters<Fault>[1]) => void): Fault =>
  ({ path }, response) => {
    if (!isManifest.test(path)) return false
    answer(response)
    return true
  }

const troubles: readonly [string, Fault][] = [
  ["sends other bytes of the right length for a layer", blobs((response) => response.end(randomBytes(301_568)))],
  ["sends a page for a layer", blobs((response) => response.end(page))],
  ["sends a page without a length for a layer", blobs((response) => void response.write(page, () => response.end()))],
  [
    "breaks off within a layer",
    blobs((response) => {
      response.writeHead(200, { "content-length": 301_568 })
      response.write(randomBytes(1000), () => setTimeout(() => response.destroy(), 10))
    }),
  ],
  [
    "falls silent within a layer",
    blobs((response) => {
      response.writeHead(200, { "content-length": 301_568 })
      response.write(randomBytes(1000))
    }),
  ],
  ["has an error of its own for layers", blobs((response) => response.writeHead(500).end())],
  [
    "sends a page for manifests",
    manifests((response) => response.writeHead(200, { "content-type": "text/html" }).end(page)),
  ],
  [
    "sends another manifest than the digest's",
    ({ path, method }, response) => {
      if (method !== "GET" || !isManifest.test(path)) return false
      response.writeHead(200, { "content-type": mediaTypes.ociManifest }).end("{}")
      return true
    },
  ],
  ["has an error of its own for manifests", manifests((response) => response.writeHead(503).end())],
  ["never answers", () => true],
  ["closes every connection", (_asked, response) => Boolean(response.destroy())],
  [
    "wants to be left alone for an hour",
    (_asked, response) => Boolean(response.writeHead(429, { "retry-after": "3600" }).end()),
  ],
]

test.each(troubles)(
  "a mirror that %s is left for the registry, at once and for the whole pull",
  async (_what, fault) => {
    const { asked, told } = await pullPast(fault)
    // Tag, manifest, configuration and two layers at most: nothing is tried twice.
    expect(asked).toBeLessThanOrEqual(5)
    expect(told).toHaveLength(1)
    expect(told[0]).toStartWith("true mirrored.test ")
  },
)

test("a mirror that does not have the image is no trouble", async () => {
  const { told } = await pullPast((_asked, response) => Boolean(response.writeHead(404).end()))
  expect(told).toEqual([])
})
