// Disk flushes that programs with fsync cause in containers, for Barge and Docker, each alone on a disk of its own.
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { OwnDisk } from "../test/fixtures/own-disk.ts"
import { imageArchive, makeImage } from "./image-archive.ts"
import { median, run } from "./measure.ts"
import { enterOwnNetwork } from "./own-network.ts"
import { type Peer, startBarge, startDocker } from "./peers.ts"

enterOwnNetwork(import.meta.path)

const syncs = 300
const rounds = 3
const root = mkdtempSync(join(tmpdir(), "flush-bench-"))

/** One new file of 512 bytes for each fsync. */
const writes = (folder: string) =>
  `for i in $(busybox seq ${syncs}); do busybox dd if=/dev/zero of=${folder}/$i bs=512 count=1 conv=fsync 2>/dev/null; done`

/** What is executed in a running container, by what it shows. */
const works: Readonly<Record<string, { readonly flags: readonly string[]; readonly script: string }>> = {
  [`${syncs} fsyncs in the container's own files`]: { flags: [], script: writes("/") },
  [`${syncs} fsyncs in a volume`]: { flags: ["-v", "/data"], script: writes("/data") },
  [`${syncs} fsyncs in the own files of a --rm container`]: { flags: ["--rm"], script: writes("/") },
  [`${syncs} fsyncs in a volume of a --rm container`]: { flags: ["--rm", "-v", "/data"], script: writes("/data") },
  "an exec that writes nothing": { flags: [], script: "true" },
}

const counts = new Map<string, number[]>()
const note = (what: string, peer: string, count: number) => {
  const key = `${what}|${peer}`
  counts.set(key, [...(counts.get(key) ?? []), count])
  console.error(`${peer.padEnd(7)} ${what.padEnd(52)} ${count}`)
}

async function measure(peer: Peer, disk: OwnDisk, image: string): Promise<void> {
  const cli = (...words: readonly string[]) => run([...peer.cli, ...words])
  const counted = async (what: string, work: () => Promise<unknown>) => {
    // What came before is on the disk.
    await run(["sync", "-f", disk.path])
    const before = disk.flushes()
    await work()
    note(what, peer.name, disk.flushes() - before)
  }
  const sleep = [image, "/bin/busybox", "sleep", "100000"]
  for (const [what, { flags, script }] of Object.entries(works)) {
    const id = (await cli("run", "-d", ...flags, ...sleep)).trim()
    await counted(what, () => cli("exec", id, "/bin/busybox", "sh", "-c", `PATH=/bin; ${script}`))
    await cli("rm", "-fv", id)
  }
  await counted("run -d, stop -t 0 and rm of a container", async () => {
    const id = (await cli("run", "-d", ...sleep)).trim()
    await cli("stop", "-t", "0", id)
    await cli("rm", id)
  })
  await counted("run --rm", () => cli("run", "--rm", image, "/bin/busybox", "true"))
}

try {
  const image = makeImage(1)
  const archive = join(root, "image.tar")
  writeFileSync(archive, imageArchive(image))
  for (let round = 0; round < rounds; round++) {
    for (const start of [startBarge, (places: { root: string; run: string }) => startDocker(places, archive)]) {
      await using disk = await OwnDisk.make(1024)
      const peer = await start({ root: disk.path, run: join(root, "run") })
      if (!peer) continue
      try {
        if (start === startBarge) await run([...peer.cli, "load", "-i", archive], { quietly: true })
        await measure(peer, disk, image.name)
      } finally {
        await peer.stop()
        // Mounts of an engine's own may outlive it for a moment.
        spawnSync("umount", ["-R", join(disk.path, "data/overlay2"), join(root, "run/netns")], { stdio: "ignore" })
      }
    }
  }
  console.log("| disk flushes | barge | docker |\n|---|---|---|")
  for (const what of new Set([...counts.keys()].map((key) => key.split("|")[0]!))) {
    const [own, other] = ["barge", "docker"].map((name) => counts.get(`${what}|${name}`) ?? [])
    const cell = (values: readonly number[]) => (values.length > 0 ? String(median(values)) : "–")
    console.log(`| ${what} | ${cell(own!)} | ${cell(other!)} |`)
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
