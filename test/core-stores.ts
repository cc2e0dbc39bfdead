import { mkdirSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DiskContentStore } from "../src/core/content/store.ts"
import { ThreadedDiffer } from "../src/core/diff/differ.ts"
import { MemoryEventBus } from "../src/core/events/bus.ts"
import { MarkAndSweep } from "../src/core/gc/collector.ts"
import { MetadataImageStore } from "../src/core/images/store.ts"
import { MetadataLeaseStore } from "../src/core/leases/store.ts"
import { MetadataDatabase } from "../src/core/metadata/database.ts"
import { MetadataNamespaceStore } from "../src/core/namespaces/store.ts"
import { backgroundScope } from "../src/core/scope.ts"
import { MetadataSnapshotRows } from "../src/core/snapshots/rows.ts"
import { DirectorySnapshotter } from "../src/core/snapshots/snapshotter.ts"
import type { RangeOptions } from "../src/core/transfer/ranges.ts"
import { RegistryImages } from "../src/core/transfer/remote.ts"
import { ImageTransfer } from "../src/core/transfer/transfer.ts"
import { SignaturePolicy } from "../src/core/trust/signature-policy.ts"
import type { RegistrySettings } from "../src/distribution/endpoints.ts"
import { Registries } from "../src/distribution/registries.ts"
import type { ProxySettings } from "../src/std/http/proxy.ts"

export interface StoreOptions {
  readonly ranges?: RangeOptions
  readonly registries?: Partial<RegistrySettings>
  readonly proxies?: ProxySettings
  readonly keepLayers?: boolean
  /** The path of a policy. */
  readonly signaturePolicy?: string
  /** Milliseconds. */
  readonly stallTimeout?: number
  /** Told when a mirror is left. */
  readonly trouble?: (host: string, domain: string, why: string) => void
}

/** How layers are kept: as the host can best; `unpacked` is overlay without images. */
export type StoreForm = "overlay" | "unpacked" | "native"

/** core's stores over a directory of their own, all that moves images. Disposing deletes everything. */
export async function openStores(form?: StoreForm, options: StoreOptions = {}) {
  await using stack = new AsyncDisposableStack()
  const scratch = mkdtempSync(join(tmpdir(), "core-test-"))
  stack.defer(() => rmSync(scratch, { recursive: true }))
  const root = join(scratch, "snapshots")
  mkdirSync(join(scratch, "mounts"))
  const database = stack.use(MetadataDatabase.open(join(scratch, "barge.db")))
  const events = new MemoryEventBus()
  const namespaces = new MetadataNamespaceStore(database, events)
  const rows = new MetadataSnapshotRows(database)
  const snapshots = stack.use(
    new DirectorySnapshotter({
      root,
      mounts: join(scratch, "layers"),
      rows,
      events,
      ...(form ? { driver: form === "native" ? form : "overlay", unpack: form === "unpacked" } : {}),
    }),
  )
  const content = await DiskContentStore.open(database, events, join(scratch, "content"))
  const images = new MetadataImageStore(database, events)
  const leases = new MetadataLeaseStore(database)
  const differ = stack.use(new ThreadedDiffer({ content, snapshots }))
  const collector = stack.use(
    new MarkAndSweep({
      database,
      content,
      rows,
      sweepSnapshots: () => snapshots.sweep(),
      expireLeases: () => leases.expire(),
    }),
  )
  const transfer = new ImageTransfer({ content, images, leases, snapshots, differ, collector })
  const registries = stack.use(
    new Registries({
      settings: { insecure: [], mirrors: [], directories: [], ...options.registries },
      proxies: options.proxies ?? {},
      ...(options.stallTimeout ? { stallTimeout: options.stallTimeout } : {}),
      ...(options.trouble ? { trouble: options.trouble } : {}),
      retries: { attempts: 3, firstDelay: 5, longestDelay: 1500 },
    }),
  )
  const remote = new RegistryImages({
    registries,
    content,
    leases,
    snapshots,
    unpacker: transfer.unpacker,
    trust: new SignaturePolicy(options.signaturePolicy),
    ...(options.keepLayers === undefined ? {} : { keepLayers: options.keepLayers }),
    downloads: 3,
    uploads: 5,
    retries: { attempts: 3, firstDelay: 5, longestDelay: 1500 },
    ...(options.ranges ? { ranges: options.ranges } : {}),
  })
  const scope = backgroundScope("moby", "test")
  const owned = stack.move()
  return {
    scratch,
    root,
    scope,
    events,
    database,
    namespaces,
    rows,
    content,
    images,
    leases,
    snapshots,
    differ,
    collector,
    transfer,
    registries,
    remote,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}

export type Stores = Awaited<ReturnType<typeof openStores>>

/** `bytes` in pieces, as a request's body comes. */
export async function* inPieces(bytes: Uint8Array, size = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

export const collectBytes = async (source: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(source, (chunk) => Buffer.from(chunk)))
