import { expect, test } from "bun:test"
import { randomBytes } from "node:crypto"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import type { TellProgress } from "../../src/core/transfer/progress.ts"
import { Failure } from "../../src/errors/failure.ts"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { hostPlatform } from "../../src/oci/platform.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { imageManifest } from "../../src/registry/registry.fixture.ts"
import { inPieces, openStores } from "../core-stores.ts"
import { Relay } from "../fixtures/docker-registry.ts"
import { RegistryProcess } from "../fixtures/registry-process.ts"
import { tarOf } from "../tar-archive.ts"

interface Acknowledged {
  readonly repository: string
  readonly reference: string
  readonly digest: Digest
  readonly layer: Digest
}

/** Requests to one server, each once. */
class Pusher {
  readonly #url: string
  constructor(address: string) {
    this.#url = `http://${address}`
  }

  async #ask(method: string, path: string, body?: Uint8Array | string, headers: Record<string, string> = {}) {
    const bytes = body === undefined ? undefined : new Uint8Array(Buffer.from(body))
    const answer = await fetch(new URL(path, this.#url), { method, headers, ...(bytes ? { body: bytes } : {}) })
    if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    await answer.arrayBuffer()
    return answer
  }

  /** A blob in two chunks and a PUT. */
  async blob(repository: string, bytes: Uint8Array): Promise<Digest> {
    const begun = await this.#ask("POST", `/v2/${repository}/blobs/uploads/`)
    const location = begun.headers.get("location")!
    const half = bytes.length >> 1
    await this.#ask("PATCH", location, bytes.subarray(0, half), { "Content-Range": `0-${half - 1}` })
    await this.#ask("PATCH", location, bytes.subarray(half), { "Content-Range": `${half}-${bytes.length - 1}` })
    await this.#ask("PUT", `${location}?digest=${digestOf(bytes)}`)
    return digestOf(bytes)
  }

  async image(repository: string, tag: string, shared: Uint8Array): Promise<Acknowledged> {
    const own = randomBytes(200_000)
    const config = Buffer.from(`{"tag":"${tag}"}`)
    for (const bytes of [shared, own, config]) await this.blob(repository, bytes)
    const layers = [shared, own].map((bytes) => ({ digest: digestOf(bytes), size: bytes.length }))
    const text = imageManifest({ digest: digestOf(config), size: config.length }, layers)
    await this.#ask("PUT", `/v2/${repository}/manifests/${tag}`, text, { "Content-Type": mediaTypes.ociManifest })
    return { repository, reference: tag, digest: digestOf(text), layer: digestOf(own) }
  }

  async verify({ repository, reference, digest, layer }: Acknowledged): Promise<void> {
    const tagged = await fetch(new URL(`/v2/${repository}/manifests/${reference}`, this.#url))
    expect(tagged.headers.get("docker-content-digest")).toBe(digest)
    expect(digestOf(new Uint8Array(await tagged.arrayBuffer()))).toBe(digest)
    const blob = await fetch(new URL(`/v2/${repository}/blobs/${layer}`, this.#url))
    expect(digestOf(new Uint8Array(await blob.arrayBuffer()))).toBe(layer)
  }
}

test("a registry that is killed while clients push has everything it acknowledged, whole, and nothing half", async () => {
  const root = mkdtempSync(join(tmpdir(), "registry-crash-"))
  try {
    const shared = randomBytes(300_000)
    const acknowledged: Acknowledged[] = []
    for (let round = 0; round < 6; round++) {
      // Collecting all the time, with no grace, is what could lose most.
      const flags = round % 2 === 0 ? [] : ["--gc-interval", "20ms", "--gc-grace", "2s", "--gc-untagged"]
      await using registry = await RegistryProcess.start(root, flags)
      const pusher = new Pusher(registry.address)
      const before = acknowledged.length
      const pushing = Array.from({ length: 4 }, async (_, worker) => {
        for (let number = 0; ; number++) {
          const pushed = await pusher.image(`app/w${worker}`, `r${round}-${number}`, shared).catch((error: Error) => {
            // On a busy machine it may have taken longer than the grace: then a part of it was collected.
            if (!/MANIFEST_BLOB_UNKNOWN/.test(error.message)) throw error
          })
          if (pushed) acknowledged.push(pushed)
        }
      })
      const broken = Promise.allSettled(pushing)
      while (acknowledged.length < before + 4 + round) await pause(5)
      await registry.end("SIGKILL")
      for (const result of await broken) {
        const why = String((result as PromiseRejectedResult).reason?.code ?? (result as PromiseRejectedResult).reason)
        expect(why).toMatch(/ECONN|closed|Socket|Unable to connect/i)
      }
      const checked = await RegistryProcess.check(root)
      expect(checked.stderr).toBe("")
      expect(checked.stdout).toEndWith("all well\n")
    }
    await using registry = await RegistryProcess.start(root)
    const pusher = new Pusher(registry.address)
    for (const each of acknowledged) await pusher.verify(each)
    expect(readdirSync(join(root, "tmp"))).toEqual([])
    expect(acknowledged.length).toBeGreaterThan(30)
  } finally {
    rmSync(root, { recursive: true, force: true })
  }
})

test("what a webhook did not take before the server was killed, it gets from the next one", async () => {
  const root = mkdtempSync(join(tmpdir(), "registry-crash-"))
  const taken = new Set<string>()
  let accepts = false
  const asked = Promise.withResolvers<void>()
  const told = Promise.withResolvers<void>()
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      asked.resolve()
      if (!accepts) return void response.writeHead(503).end()
      const { events } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
        events: { target: { tag?: string } }[]
      }
      for (const { target } of events) if (target.tag) taken.add(target.tag)
      response.end()
      if (taken.size === 3) told.resolve()
    })
  })
  await new Promise<void>((done) => receiver.listen(0, "127.0.0.1", done))
  try {
    const flags = ["--webhook", `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`]
    {
      await using registry = await RegistryProcess.start(root, flags)
      const pusher = new Pusher(registry.address)
      for (const tag of ["1", "2", "3"]) await pusher.image("app", tag, randomBytes(100))
      await asked.promise
      await registry.end("SIGKILL")
    }
    accepts = true
    await using _registry = await RegistryProcess.start(root, flags)
    await told.promise
    expect([...taken]).toEqual(["1", "2", "3"])
  } finally {
    receiver.closeAllConnections()
    await new Promise((done) => receiver.close(done))
    rmSync(root, { recursive: true, force: true })
  }
})

test("a server that is killed while our client pushes and pulls: both go on with the next one, and every byte is right", async () => {
  const root = mkdtempSync(join(tmpdir(), "registry-crash-"))
  const bytes = 12 << 20
  let server = await RegistryProcess.start(root)
  await using relay = await Relay.to(Number(server.address.split(":")[1]))
  await using stores = await openStores()
  const { leases, remote, transfer } = stores
  const reference = parseReference(`${relay.host}/app:1`)
  /** Kills the server when half of the layer is on its way, waits for the failure, and starts the next server. */
  const killed = async (work: (progress: TellProgress) => Promise<unknown>) => {
    relay.limit = bytes / 2
    const half = Promise.withResolvers<void>()
    const working = work((progress) => {
      if ("current" in progress && progress.current > bytes / 4) half.resolve()
    })
    const failed = working.then(
      () => "it did not fail",
      (error: unknown) => (error instanceof Failure ? "failed" : String(error)),
    )
    await half.promise
    await server.end("SIGKILL")
    // What the kernel still holds of the server's bytes would be half the layer.
    relay.cut()
    relay.release()
    expect(await failed).toBe("failed")
    expect((await RegistryProcess.check(root)).stderr).toBe("")
    server = await RegistryProcess.start(root, [], server.address)
  }
  try {
    const tar = tarOf(["big", {}, randomBytes(bytes)])
    const made = await leases.within(stores.scope, async (scope) => {
      const config = { ...hostPlatform(), created: "2024-01-01T00:00:00Z" }
      const { target, id } = await transfer.importTree(scope, inPieces(tar), { config })
      const push = (progress: TellProgress) => remote.push(scope, reference, target, { progress })
      await killed(push)
      await push(() => {})
      return id
    })
    await using other = await openStores()
    await other.leases.within(other.scope, async (scope) => {
      const pull = (progress: TellProgress) => other.remote.pull(scope, reference, { found: () => {}, progress })
      await killed(pull)
      const before = relay.received
      expect((await pull(() => {})).image.id).toBe(made)
      expect(relay.received - before).toBeLessThan(bytes * 0.9)
      for await (const { digest } of other.content.list(scope)) {
        expect(digestOf(readFileSync(await other.content.path(scope, digest)))).toBe(digest)
      }
    })
    await server.end("SIGTERM")
    expect((await RegistryProcess.check(root)).stdout).toEndWith("all well\n")
  } finally {
    await server[Symbol.asyncDispose]()
    rmSync(root, { recursive: true, force: true })
  }
})
