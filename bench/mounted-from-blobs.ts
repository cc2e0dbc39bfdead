import { spawnSync } from "node:child_process"
import { mkdirSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { DiskContentStore } from "../src/core/content/store.ts"
import { ThreadedDiffer } from "../src/core/diff/differ.ts"
import { MemoryEventBus } from "../src/core/events/bus.ts"
import { MetadataDatabase } from "../src/core/metadata/database.ts"
import { backgroundScope } from "../src/core/scope.ts"
import { MetadataSnapshotRows } from "../src/core/snapshots/rows.ts"
import { DirectorySnapshotter } from "../src/core/snapshots/snapshotter.ts"
import { readImage } from "../src/core/transfer/resolve.ts"
import { Unpacker } from "../src/core/transfer/unpack.ts"
import { mount, umount } from "../src/linux/mount.ts"
import { chainIDs, parseDiffID } from "../src/oci/digest.ts"
import type { MadeImage } from "./image-archive.ts"
import { timed } from "./measure.ts"

/** Milliseconds from an image whose blobs are stored to its root, mounted: core alone, in this process. */
export async function mountedFromBlobs(directory: string, image: MadeImage): Promise<number> {
  await using stack = new AsyncDisposableStack()
  const scope = backgroundScope("moby", "bench")
  const database = stack.use(MetadataDatabase.open(join(directory, "barge.db")))
  const rows = new MetadataSnapshotRows(database)
  const snapshots = stack.use(
    new DirectorySnapshotter({
      root: join(directory, "snapshots"),
      mounts: join(directory, "layers"),
      rows,
      events: new MemoryEventBus(),
    }),
  )
  const content = await DiskContentStore.open(database, new MemoryEventBus(), join(directory, "content"))
  const differ = stack.use(new ThreadedDiffer({ content, snapshots }))
  const unpacker = new Unpacker({ snapshots, differ })
  const type = "application/vnd.docker.image.rootfs.diff.tar.gzip"
  const layers = []
  for (const { bytes } of image.layers) {
    const { digest, size } = await content.put(scope, bytes)
    layers.push({ mediaType: type, digest, size })
  }
  const config = await content.put(scope, image.config)
  const mediaType = "application/vnd.docker.distribution.manifest.v2+json"
  const configType = "application/vnd.docker.container.image.v1+json"
  const manifest = await content.put(
    scope,
    Buffer.from(
      JSON.stringify({
        schemaVersion: 2,
        mediaType,
        config: { mediaType: configType, digest: config.digest, size: config.size },
        layers,
      }),
    ),
  )
  const resolved = await readImage(scope, content, { mediaType, digest: manifest.digest, size: manifest.size })
  const top = chainIDs(resolved.config.rootfs.diff_ids.map(parseDiffID)).at(-1)!
  const target = join(directory, "root")
  mkdirSync(target)
  spawnSync("sync")
  await pause(500)
  const taken = await timed(async () => {
    await unpacker.unpack(scope, resolved)
    await snapshots.prepare(scope, "container", top)
    for (const each of await snapshots.mounts(scope, "container", { volatile: true })) mount({ ...each, target })
  })
  umount(target)
  return taken
}
