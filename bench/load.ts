// The time from an archive to a container, for Barge and Docker in one run, and what of it Barge spends from blobs to a mounted root.
import { spawnSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { onFreshDisk } from "./fresh-disk.ts"
import { imageArchive, makeImage } from "./image-archive.ts"
import { median, run, timed } from "./measure.ts"
import { mountedFromBlobs } from "./mounted-from-blobs.ts"
import { enterOwnNetwork } from "./own-network.ts"
import { type Peer, startBarge, startDocker } from "./peers.ts"

enterOwnNetwork(import.meta.path)

const rounds = Number(process.env["BENCH_ROUNDS"] ?? 3)
const sizes = (process.env["BENCH_SIZES"] ?? "5,128,400").split(",").map(Number)
const peers = (process.env["BENCH_PEERS"] ?? "barge,docker,core").split(",")
const root = mkdtempSync(join(tmpdir(), "load-bench-"))

const results = new Map<string, number[]>()
function note(what: string, peer: string, milliseconds: number): void {
  const key = `${what}|${peer}`
  results.set(key, [...(results.get(key) ?? []), milliseconds])
  console.error(`${peer.padEnd(7)} ${what.padEnd(28)} ${milliseconds.toFixed(0)} ms`)
}

/** Who was not measured has no number. */
const cell = (milliseconds: number) => (milliseconds > 0 ? `${milliseconds.toFixed(0)} ms` : "–")

const starts: readonly { name: string; start: (root: string) => Promise<Peer | undefined> }[] = [
  { name: "barge", start: (root) => startBarge({ root, run: `${root}/run` }) },
  { name: "docker", start: (root) => startDocker({ root, run: `${root}/run` }) },
]

try {
  const images = sizes.map((megabytes) => {
    const image = makeImage(megabytes)
    const archive = join(root, `${megabytes}.tar`)
    const bytes = imageArchive(image)
    writeFileSync(archive, bytes)
    console.error(`${megabytes} MB: ${(bytes.length / 1e6).toFixed(0)} MB compressed`)
    return { megabytes, image, archive }
  })
  for (let round = 0; round < rounds; round++) {
    for (const { name, start } of starts) {
      if (!peers.includes(name)) continue
      await onFreshDisk(root, async (disk) => {
        const engine = await start(join(disk, "engine"))
        if (!engine) return
        const cli = (...words: string[]) => run([...engine.cli, ...words], { quietly: true })
        try {
          for (const { megabytes, image, archive } of images) {
            spawnSync("sync")
            await pause(500)
            const loaded = await timed(() => cli("load", "-i", archive))
            note(`load of ${megabytes} MB`, name, loaded)
            const ran = await timed(() => cli("run", "--rm", image.name))
            note(`load of ${megabytes} MB and first run`, name, loaded + ran)
          }
        } finally {
          await engine.stop()
        }
      })
    }
    if (!peers.includes("core")) continue
    for (const { megabytes, image } of images) {
      await onFreshDisk(root, async (disk) => {
        mkdirSync(join(disk, "core"))
        note(`${megabytes} MB of blobs to a mount`, "barge", await mountedFromBlobs(join(disk, "core"), image))
      })
    }
  }
  console.log("| | barge | docker | barge / docker |\n|---|---|---|---|")
  for (const what of new Set([...results.keys()].map((key) => key.split("|")[0]!))) {
    const [own, other] = ["barge", "docker"].map((name) => median(results.get(`${what}|${name}`) ?? []))
    // Docker cannot be asked for that alone: its whole load stands beside it.
    const beside = other! > 0 ? other! : median(results.get(`load of ${what.split(" ")[0]} MB|docker`) ?? [])
    const ratio = beside / own!
    console.log(`| ${what} | ${cell(own!)} | ${cell(beside)} | ${ratio > 0 ? `1/${ratio.toFixed(1)}` : "–"} |`)
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
