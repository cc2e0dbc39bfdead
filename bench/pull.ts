// The time from a registry to an image that can run, and back, for Barge, Docker and containerd in one run.
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { gzipSync } from "node:zlib"
import { encodeHeader, endOfArchive, paddingBytes } from "../src/std/tar/writer.ts"
import { onFreshDisk } from "./fresh-disk.ts"
import { median, run, timed } from "./measure.ts"
import { enterOwnNetwork } from "./own-network.ts"
import { type Peer, startBarge, startContainerd, startDocker } from "./peers.ts"

enterOwnNetwork(import.meta.path)

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3)
const layers = Number(process.env["BENCH_LAYERS"] ?? 10)
const megabytes = Number(process.env["BENCH_MEGABYTES"] ?? 300)
const root = mkdtempSync(join(tmpdir(), "pull-bench-"))

/** A layer as programs and data are: files of many sizes, the half of each random. */
function layerTar(number: number): Buffer {
  const parts: Uint8Array[] = []
  let left = (megabytes / layers) * 1e6
  for (let file = 0; left > 0; file++) {
    const size = Math.min(left, 2000 + (file % 40) ** 2 * 150)
    const bytes = Buffer.alloc(size, `line ${file} of layer ${number}\n`)
    randomBytes(size >> 1).copy(bytes)
    const name = Buffer.from(`layer${number}/directory${file % 37}/file${file}`)
    parts.push(encodeHeader({ name, type: "file", mode: 0o644, uid: 0, gid: 0, size, mtime: 0n }))
    parts.push(bytes, paddingBytes(size))
    left -= size
  }
  return Buffer.concat([...parts, endOfArchive])
}

const digestOf = (bytes: Uint8Array | string) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`

/** Puts the image into the registry. @returns the compressed bytes */
async function makeImage(port: number): Promise<number> {
  const at = `http://127.0.0.1:${port}`
  const put = async (bytes: Uint8Array | string) => {
    const begun = await fetch(`${at}/v2/bench/blobs/uploads/`, { method: "POST" })
    const url = new URL(begun.headers.get("location")!, at)
    url.searchParams.set("digest", digestOf(bytes))
    const done = await fetch(url, { method: "PUT", body: new Uint8Array(Buffer.from(bytes)) })
    if (done.status !== 201) throw new Error(await done.text())
    return { digest: digestOf(bytes), size: Buffer.byteLength(bytes) }
  }
  const type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
  const stored: object[] = []
  const diffIDs: string[] = []
  let size = 0
  for (let number = 0; number < layers; number++) {
    const tar = layerTar(number)
    diffIDs.push(digestOf(tar))
    const layer = await put(gzipSync(tar, { level: 6 }))
    size += layer.size
    stored.push({ mediaType: type, ...layer })
  }
  const config = { architecture: "amd64", os: "linux", config: {}, rootfs: { type: "layers", diff_ids: diffIDs } }
  const manifest = JSON.stringify({
    schemaVersion: 2,
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    config: { mediaType: "application/vnd.docker.container.image.v1+json", ...(await put(JSON.stringify(config))) },
    layers: stored,
  })
  const headers = { "Content-Type": "application/vnd.docker.distribution.manifest.v2+json" }
  const done = await fetch(`${at}/v2/bench/manifests/1`, { method: "PUT", headers, body: manifest })
  if (done.status !== 201) throw new Error(await done.text())
  return size
}

/** Debian's registry when there is one: it serves everybody the same. */
async function startRegistry(port: number, directory: string): Promise<ChildProcess> {
  const file = `${directory}.yml`
  const storage = `storage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: ${directory}\n`
  writeFileSync(file, `version: 0.1\nlog:\n  level: error\n${storage}http:\n  addr: 127.0.0.1:${port}\n`)
  const server = spawn("docker-registry", ["serve", file], { stdio: "ignore" })
  for (;;) {
    if (server.exitCode !== null) throw new Error("docker-registry does not start")
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)
    if (answer?.ok) return server
    await pause(20)
  }
}

/** What an engine does with images. */
interface Puller {
  readonly name: string
  pull(ref: string): Promise<unknown>
  push(from: string, to: string): Promise<unknown>
  stop(): Promise<void>
}

/** Barge or Docker. */
function dockerLike(peer: Peer | undefined): Puller | undefined {
  if (!peer) return undefined
  const cli = (...words: string[]) => run([...peer.cli, ...words], { quietly: true })
  return {
    name: peer.name,
    pull: (ref) => cli("pull", "-q", ref),
    push: async (from, to) => {
      await cli("tag", from, to)
      await cli("push", to)
    },
    stop: () => peer.stop(),
  }
}

const engines: readonly ((root: string) => Promise<Puller | undefined>)[] = [
  async (root) => dockerLike(await startBarge({ root, run: `${root}/run` })),
  async (root) => dockerLike(await startDocker({ root, run: `${root}/run` })),
  startContainerd,
]

const results = new Map<string, number[]>()
function note(what: string, peer: string, milliseconds: number): void {
  const key = `${what}|${peer}`
  results.set(key, [...(results.get(key) ?? []), milliseconds])
  console.error(`${peer.padEnd(11)} ${what.padEnd(5)} ${milliseconds.toFixed(0)} ms`)
}

try {
  mkdirSync(join(root, "source"))
  const source = await startRegistry(5001, join(root, "source"))
  const compressed = await makeImage(5001)
  console.error(`${layers} layers, ${(compressed / 1e6).toFixed(0)} MB compressed, ${megabytes} MB unpacked`)
  for (let round = 0; round < rounds; round++) {
    for (const start of engines) {
      await onFreshDisk(root, async (disk) => {
        const engine = await start(join(disk, "engine"))
        if (!engine) return
        try {
          spawnSync("sync")
          await pause(500)
          note("pull", engine.name, await timed(() => engine.pull("127.0.0.1:5001/bench:1")))
          mkdirSync(join(disk, "target"))
          const target = await startRegistry(5002, join(disk, "target"))
          const ended = new Promise((done) => target.once("exit", done))
          const to = `127.0.0.1:5002/bench:${round}`
          note("push", engine.name, await timed(() => engine.push("127.0.0.1:5001/bench:1", to)))
          target.kill("SIGTERM")
          await ended
        } finally {
          await engine.stop()
        }
      })
    }
  }
  source.kill("SIGTERM")
  const names = [...new Set([...results.keys()].map((key) => key.split("|")[1]!))]
  console.log(`| | ${names.join(" | ")} |\n|---|${names.map(() => "---|").join("")}`)
  for (const what of ["pull", "push"]) {
    const cells = names.map((name) => `${median(results.get(`${what}|${name}`) ?? []).toFixed(0)} ms`)
    console.log(`| ${what} ${megabytes} MB in ${layers} layers | ${cells.join(" | ")} |`)
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
