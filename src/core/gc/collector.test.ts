import { expect, test } from "bun:test"
import { readdirSync } from "node:fs"
import { join } from "node:path"
import { MetadataContainerStore } from "../containers/store.ts"
import { DiskContentStore } from "../content/store.ts"
import { MemoryEventBus } from "../events/bus.ts"
import { MetadataImageStore } from "../images/store.ts"
import { MetadataLeaseStore } from "../leases/store.ts"
import { withDatabase } from "../metadata/temporary.fixture.ts"
import { backgroundScope } from "../scope.ts"
import { MetadataSnapshotRows } from "../snapshots/rows.ts"
import { MarkAndSweep } from "./collector.ts"
import { type Collectable, collectorSuite } from "./suite.ts"

const withCore = (use: (core: Collectable, root: string) => Promise<void>) =>
  withDatabase(async (database, root) => {
    const events = new MemoryEventBus()
    const rows = new MetadataSnapshotRows(database)
    const leases = new MetadataLeaseStore(database)
    const content = await DiskContentStore.open(database, new MemoryEventBus(), join(root, "content"))
    await using collector = new MarkAndSweep({
      database,
      content,
      rows,
      sweepSnapshots: async () => 0,
      expireLeases: () => leases.expire(),
    })
    await use(
      {
        collector,
        content,
        leases,
        images: new MetadataImageStore(database, events),
        containers: new MetadataContainerStore({ database, snapshots: rows, events }),
        snapshots: {
          prepare: ({ namespace, lease }, key, parent, labels) =>
            void rows.create(namespace, "active", key, parent, { labels, lease }),
          commit: ({ namespace, lease }, name, key) => void rows.commit(namespace, name, key, { lease }),
          names: ({ namespace }) => rows.list(namespace).map((snapshot) => snapshot.name),
        },
      },
      root,
    )
  })

collectorSuite((use) => withCore(use))

test("the bytes of collected blobs are gone from the disk", () =>
  withCore(async (core, root) => {
    const scope = backgroundScope("moby", "test")
    await core.content.put(scope, Buffer.alloc(1000))
    expect(await core.collector.collect()).toEqual({ blobs: 1, snapshots: 0, bytes: 1000 })
    expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([])
  }))

test("what is forgotten is gone at once, its bytes with the next collection, and stored again it stays", () =>
  withCore(async (core, root) => {
    const scope = backgroundScope("moby", "test")
    const gone = await core.content.put(scope, Buffer.alloc(1000))
    const again = await core.content.put(scope, Buffer.alloc(2000))
    await core.collector.forget()
    expect(await core.content.has(scope, gone.digest)).toBe(false)
    await core.leases.within(scope, async (held) => {
      await core.content.put(held, Buffer.alloc(2000))
      expect(await core.collector.collect()).toEqual({ blobs: 2, snapshots: 0, bytes: 1000 })
      expect(await core.content.readAll(held, again.digest)).toEqual(Buffer.alloc(2000))
    })
    expect(readdirSync(join(root, "content/blobs/sha256"))).toEqual([again.digest.slice(7)])
  }))
