import { mkdirSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { MetadataContainerStore } from "../core/containers/store.ts"
import { DiskContentStore } from "../core/content/store.ts"
import { ThreadedDiffer } from "../core/diff/differ.ts"
import { MemoryEventBus } from "../core/events/bus.ts"
import { TaskExecutor } from "../core/executor/executor.ts"
import { ThreadedFiles } from "../core/files/service.ts"
import { TemporaryMounts } from "../core/files/temporary-mounts.ts"
import { MarkAndSweep } from "../core/gc/collector.ts"
import { MetadataImageStore } from "../core/images/store.ts"
import { MetadataLeaseStore } from "../core/leases/store.ts"
import { openInstallation } from "../core/metadata/installation.ts"
import { MetadataNamespaceStore } from "../core/namespaces/store.ts"
import { MetadataSnapshotRows } from "../core/snapshots/rows.ts"
import { DirectorySnapshotter } from "../core/snapshots/snapshotter.ts"
import { Tasks } from "../core/tasks/service.ts"
import { RegistryImages } from "../core/transfer/remote.ts"
import { ImageTransfer } from "../core/transfer/transfer.ts"
import { SignaturePolicy } from "../core/trust/signature-policy.ts"
import { VolumeMounts } from "../core/volumes/mounts.ts"
import { Registries } from "../distribution/registries.ts"
import { makeBaseLayer } from "../engine/containers/mounts/base-layer.ts"
import { Failure, messageOf } from "../errors/failure.ts"
import { BlockingCalls } from "../linux/blocking.ts"
import { bootId } from "../linux/boot.ts"
import { openCgroup } from "../linux/cgroup.ts"
import { HostCgroups } from "../linux/host-cgroups.ts"
import { UnbindableDirectories } from "../linux/unbindable-directories.ts"
import { Criu } from "../runtime/criu.ts"
import { openDriver } from "../runtime/driver.ts"
import { probeRuntimes, refusedByCrun, withShimName } from "../runtime/probe.ts"
import { connectShim } from "../shim/client.ts"
import { buildIdentity } from "../std/build.ts"
import { proxySettings } from "../std/http/proxy.ts"
import type { Log } from "../std/log.ts"
import { claimRunRoot } from "./claim-run-root.ts"
import type { DaemonConfig } from "./config.ts"
import type { Roots } from "./roots.ts"

/** What registries are told to be, by the configuration. */
export const registrySettings = (config: DaemonConfig) => ({
  insecure: config.insecureRegistries,
  mirrors: config.registryMirrors,
  directories: config.registryDirectories,
})

export type Core = Awaited<ReturnType<typeof openCore>>

/** Where roots and network namespaces of containers are mounted: two mounts for each that runs, which launches are to be spared. */
function openMountDirectories(roots: Roots): UnbindableDirectories {
  const bundles = join(roots.run, "bundles")
  const namespaces = join(roots.run, "netns")
  mkdirSync(bundles, { recursive: true, mode: 0o700 })
  mkdirSync(namespaces, { recursive: true, mode: 0o711 })
  return UnbindableDirectories.open([bundles, namespaces], { seen: [roots.data] })
}

/** core and what it stands on, composed. Disposed in the reverse order of what it is made of. */
export async function openCore(config: DaemonConfig, log: Log) {
  await using stack = new AsyncDisposableStack()
  const { roots } = config
  const installation = openInstallation({ data: roots.data, boot: bootId(), salvage: config.salvage })
  const database = stack.use(installation.database)
  if (installation.quarantine !== undefined) {
    log.warn("the data root could not be used: what was in it is kept, and this daemon begins anew", {
      folder: installation.quarantine,
    })
  }
  const mountDirectories = stack.adopt(openMountDirectories(roots), (directories) => directories.close())
  const events = new MemoryEventBus()
  const namespaces = new MetadataNamespaceStore(database, events)
  const rows = new MetadataSnapshotRows(database)
  const snapshots = stack.use(
    new DirectorySnapshotter({
      root: join(roots.data, "snapshots"),
      mounts: join(roots.run, "layers"),
      unpack: config.unpackLayers,
      rows,
      events,
      log,
      ...(config.snapshotter ? { driver: config.snapshotter } : {}),
    }),
  )
  const content = await DiskContentStore.open(database, events, join(roots.data, "content"))
  const differ = stack.use(new ThreadedDiffer({ content, snapshots }))
  const files = stack.use(new ThreadedFiles())
  // Of its own: measuring a large volume must not hold up who copies.
  const sizes = stack.use(new ThreadedFiles())
  const images = new MetadataImageStore(database, events)
  const leases = new MetadataLeaseStore(database)
  const collector = stack.use(
    new MarkAndSweep({
      database,
      content,
      rows,
      sweepSnapshots: () => snapshots.sweep(),
      expireLeases: () => leases.expire(),
      onError: (error) => log.error("collecting garbage failed", { error: messageOf(error) }),
    }),
  )
  const transfer = new ImageTransfer({ content, images, leases, snapshots, differ, collector })
  const registries = stack.use(
    new Registries({
      settings: registrySettings(config),
      proxies: proxySettings(config.proxies, process.env),
      trouble: (mirror, registry, why) =>
        log.warn("a mirror is left for the next host", { mirror, registry, error: why }),
    }),
  )
  const trust = new SignaturePolicy(config.signaturePolicy)
  const remote = new RegistryImages({
    registries,
    content,
    leases,
    snapshots,
    unpacker: transfer.unpacker,
    trust,
    keepLayers: !config.discardLayers,
    ...config.transfers,
  })
  const containers = new MetadataContainerStore({ database, snapshots: rows, events })

  const cgroups = new HostCgroups((now) =>
    log.info("the host's control groups have changed: new containers follow", { cgroups: now.mode }),
  )
  const criu = new Criu()
  const runtimes = withShimName(
    await probeRuntimes({
      host: cgroups.current(),
      configured: [...config.runtimes].map(([name, { path, args }]) => ({ name, path, args })),
      ...(config.defaultRuntime ? { default: config.defaultRuntime } : {}),
      ...(config.experimental ? { criu } : {}),
    }),
  )
  const hidesUnified = () => refusedByCrun(cgroups.current())
  const drivers = new Map(
    [...runtimes.all].map(([name, info]) => [
      name,
      openDriver(info, info.family === "crun" ? hidesUnified : undefined),
    ]),
  )
  const shim = stack.use(await connectShim({ runRoot: roots.run }))
  await claimRunRoot(roots, installation, shim, config)
  if (shim.version !== buildIdentity) {
    log.info("the shim is of another build: it goes on in place as this one", { from: shim.version, to: buildIdentity })
    await shim.upgrade().catch((error) => log.warn("the shim stays what it was", { error: messageOf(error) }))
  }
  const blocking = stack.use(new BlockingCalls())
  const tasks = new Tasks({
    runRoot: roots.run,
    shim,
    snapshots,
    baseLayer: makeBaseLayer(join(roots.data, "ground")),
    runtime: (name = runtimes.default.name) => {
      const driver = drivers.get(name)
      if (!driver) {
        throw new Failure(
          "invalidArgument",
          `unknown or invalid runtime name: ${name}; configured are ${[...drivers.keys()].join(", ")}`,
        )
      }
      return driver
    },
    cgroup: (path) => openCgroup(cgroups.current(), path),
    cgroupParent: config.cgroupParent,
    events,
    blocking,
    launchSight: { directories: mountDirectories, own: [roots.data, roots.run] },
    startsAtOnce: Math.max(2, Math.min(4, cpus().length)),
  })
  const executor = stack.use(new TaskExecutor({ tasks, snapshots, leases }))
  const temporaryMounts = new TemporaryMounts({ root: join(roots.run, "sight"), snapshots, blocking })
  await temporaryMounts.sweep()
  // A thread of its own: a server of files that does not answer must not hold up the end of containers.
  const volumeMounts = new VolumeMounts(stack.use(new BlockingCalls()))
  const parts = {
    database,
    namespaces,
    events,
    snapshots,
    content,
    differ,
    files,
    sizes,
    collector,
    transfer,
    registries,
    remote,
    trust,
    images,
    leases,
    containers,
    cgroups: cgroups.current(),
    criu,
    runtimes,
    shim,
    tasks,
    executor,
    blocking,
    temporaryMounts,
    volumeMounts,
  }
  const owned = stack.move()
  return { ...parts, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
