import { closeSync, existsSync, mkdirSync, readFileSync } from "node:fs"
import { cpus } from "node:os"
import { join } from "node:path"
import { dockerRelease } from "../api/docker-release.ts"
import { backgroundScope, type Scope } from "../core/scope.ts"
import { VolumeFilling } from "../core/tasks/volume-filling.ts"
import { download } from "../distribution/download.ts"
import type { ContainerContext } from "../engine/containers/context.ts"
import { ContainerFileService } from "../engine/containers/files/service.ts"
import { quiesceContainers, recoverContainers, resumePolicies } from "../engine/containers/lifecycle/recover.ts"
import { ContainerMounts } from "../engine/containers/mounts/service.ts"
import { ContainerNetworkService } from "../engine/containers/network/service.ts"
import { ContainerRegistry } from "../engine/containers/record/registry.ts"
import { ContainerService } from "../engine/containers/service.ts"
import { ContainerStdio } from "../engine/containers/stdio/service.ts"
import { ContainerViews } from "../engine/containers/views/service.ts"
import { EventHistory } from "../engine/events/service.ts"
import { ExecRecords } from "../engine/exec/records.ts"
import { ExecService } from "../engine/exec/service.ts"
import { EngineImages } from "../engine/images/service.ts"
import { LogForwarding } from "../engine/logging/forwarding.ts"
import { EngineMetrics } from "../engine/metrics/service.ts"
import { NetworkCatalog, type NetworkDocument } from "../engine/networks/catalog.ts"
import { EngineNetworks } from "../engine/networks/service.ts"
import { EngineRegistry } from "../engine/registry/service.ts"
import { createApiServer } from "../engine/server.ts"
import { EngineSystem } from "../engine/system/service.ts"
import { OtlpExporter, otlpTarget } from "../engine/traces/otlp.ts"
import { TraceStore } from "../engine/traces/store.ts"
import { LocalVolumes, type VolumeRecord } from "../engine/volumes/service.ts"
import { messageOf } from "../errors/failure.ts"
import { cgroupFeatures } from "../linux/cgroup-features.ts"
import { lengthenListenQueue } from "../linux/listen-queue.ts"
import { takeLockFile } from "../linux/lock-file.ts"
import { LowDescriptors } from "../linux/low-descriptors.ts"
import { unreadBytes } from "../linux/unread.ts"
import { loadAppArmor } from "../runtime/apparmor/load.ts"
import { resolveCapabilities } from "../runtime/capabilities.ts"
import { findInit } from "../runtime/init.ts"
import { SeccompFilters } from "../runtime/seccomp/filter.ts"
import { build } from "../std/build.ts"
import { formatNanos, nowNanos } from "../std/clock.ts"
import { parseEndpoint } from "../std/http/endpoint.ts"
import { openListeners } from "../std/http/listener.ts"
import { proxySettings } from "../std/http/proxy.ts"
import type { TlsKeys } from "../std/http/tls-server.ts"
import type { Log } from "../std/log.ts"
import { watchStalls } from "../std/stall-watch.ts"
import { TurnQueue, Turns } from "../std/turns.ts"
import { Span } from "../trace/span.ts"
import type { DaemonConfig } from "./config.ts"
import { type Core, openCore, registrySettings } from "./core.ts"
import { reloadAttributes, reloadedFacts, systemFacts } from "./facts.ts"
import { openNetworks, openSandboxes } from "./networks.ts"
import { shimHolder } from "./shim-holder.ts"

/** A running daemon. Disposing ends it; containers run on. With none running, shim, bridge and rules go too. */
export interface Daemon extends AsyncDisposable {
  /** Takes over what of a new configuration can change in a running daemon. */
  reload(config: DaemonConfig): void
}

/** Puts the daemon together: the only place that knows every part. */
export async function composeDaemon(config: DaemonConfig, log: Log): Promise<Daemon> {
  await using stack = new AsyncDisposableStack()
  const began = nowNanos()
  mkdirSync(config.roots.run, { recursive: true, mode: 0o711 })
  mkdirSync(config.roots.data, { recursive: true, mode: 0o711 })
  // Two daemons at one shim would each take the other's containers for strays.
  const lock = takeLockFile(join(config.roots.run, "daemon.lock"), config.roots.run, "--exec-root")
  stack.defer(() => closeSync(lock))
  // Before the shim hands over what it keeps of every container.
  const lowDescriptors = stack.use(LowDescriptors.reserve())
  const core = stack.use(await openCore(config, log))
  let serves = false
  stack.defer(async () => {
    // A daemon that could not start takes along the shim that it came with.
    if (serves || (await core.shim.tasks().catch(() => [undefined])).length > 0) return
    await core.shim.shutdown().catch((error) => log.warn("the shim stays", { error: messageOf(error) }))
  })
  const target = otlpTarget(config.otlpEndpoint, process.env)
  const exporter = target ? stack.use(new OtlpExporter(target)) : undefined
  const traces = stack.use(
    new TraceStore({
      directory: join(config.roots.data, "traces"),
      ...(exporter ? { exporter: exporter.sink } : {}),
    }),
  )
  const networking = stack.use(
    await openNetworks(config, core, { holder: stack.use(shimHolder(core.shim, log)), lowDescriptors }, log),
  )
  const specHost = {
    cgroupMode: core.cgroups.mode,
    runtime: core.runtimes.default,
    seccomp: new SeccompFilters(),
    apparmor: loadAppArmor(join(config.roots.run, "apparmor-profile")),
  }
  const sandboxes = openSandboxes(config, core, networking, specHost, log)
  const networks = new NetworkCatalog(core.database.collection<NetworkDocument>("engine.networks"), {
    bridge: networking.defaultNetwork !== undefined,
    created: formatNanos(began),
  })
  // A crash may have come between the two records of a creation or a removal.
  for (const { id } of networking.networks()) if (!networks.get(id)) networking.remove(id)
  const events = new EventHistory()
  const registry = new ContainerRegistry(core.containers)
  const background = (name: string): Scope => ({
    ...backgroundScope("moby", name),
    span: Span.root(traces.sink, "engine", name),
  })
  await registry.load(background("load"))
  const volumes = new LocalVolumes({
    root: join(config.roots.data, "volumes"),
    records: core.database.collection<VolumeRecord>("engine.volumes"),
    usedBy: (name) =>
      registry
        .all()
        .filter((container) =>
          container.document.mounts.some((mount) => mount.type === "volume" && mount.source === name),
        )
        .map((container) => container.id),
    used: () =>
      new Set(
        registry
          .all()
          .flatMap(({ document }) =>
            document.mounts.flatMap((mount) => (mount.type === "volume" ? [mount.source] : [])),
          ),
      ),
    mounts: core.volumeMounts,
    usage: (directory) => core.sizes.usage(directory),
    events,
    log,
  })
  const init = config.initPath ?? findInit()
  const images = new EngineImages({
    images: core.images,
    content: core.content,
    snapshots: core.snapshots,
    leases: core.leases,
    transfer: core.transfer,
    remote: core.remote,
    download: (url, signal) => download(core.registries.http, url, signal),
    collector: core.collector,
    events,
    usedBy: (imageId) =>
      registry
        .all()
        .filter(
          ({ document }) =>
            document.imageId === imageId || document.mounts.some((mount) => mount.image?.id === imageId),
        )
        .map((container) => ({ id: container.id, running: container.running })),
  })
  const containersRoot = join(config.roots.data, "containers")
  const runtimes = [
    core.runtimes.default,
    ...[...core.runtimes.all.values()].filter((each) => each !== core.runtimes.default),
  ]
  const stdio = new ContainerStdio({
    registry,
    tasks: core.tasks,
    events,
    log,
    runtimes,
    defaults: { experimental: config.experimental },
    containersRoot,
  })
  const logForwarding = new LogForwarding({
    containersRoot,
    log,
    logConfig: (container) => stdio.log(container),
    follow: (container, signal) => stdio.follow({ ...background("forward log"), signal }, container),
  })
  const mounts = new ContainerMounts({
    registry,
    volumes,
    images,
    snapshots: core.snapshots,
    volumeFilling: new VolumeFilling(),
    temporaryMounts: core.temporaryMounts,
    events,
    log,
    dataRoot: config.roots.data,
    containersRoot,
  })
  const dns = config.dns
  const hostGateway = config.hostGateway ? { hostGateway: config.hostGateway } : {}
  const ipv6 = existsSync("/proc/sys/net/ipv6/conf")
  const containerNetworks = new ContainerNetworkService({
    registry,
    networking,
    networks,
    sandboxes,
    events,
    log,
    defaults: { dns, ...hostGateway },
    host: { ipv6 },
    containersRoot,
    background,
  })
  const execs = new ExecRecords(({ id, containerId }) => registry.get(containerId)?.execIds.delete(id))
  const turns = new TurnQueue()
  const views = new ContainerViews({
    registry,
    tasks: core.tasks,
    execs,
    images,
    snapshots: core.snapshots,
    volumes,
    networks,
    networking,
    stdio,
    events,
    turns,
    host: { apparmor: specHost.apparmor },
    containersRoot,
  })
  const containerFiles = new ContainerFileService({
    registry,
    tasks: core.tasks,
    files: core.files,
    differ: core.differ,
    images,
    mounts,
    events,
    background,
  })
  const context: ContainerContext = {
    logForwarding,
    stdio,
    views,
    containerFiles,
    registry,
    execs,
    ends: new Set(),
    tasks: core.tasks,
    snapshots: core.snapshots,
    images,
    volumes,
    mounts,
    networking,
    networks,
    containerNetworks,
    events,
    healthCounts: { checks: 0, failures: 0 },
    turns,
    traces,
    log,
    defaults: {
      cgroupParent: config.cgroupParent,
      experimental: config.experimental,
      ...(config.logDriver ? { logDriver: config.logDriver } : {}),
      logOptions: config.logOptions,
      shmSize: config.shmSize,
      ulimits: config.ulimits,
      ipcMode: config.ipcMode,
      cgroupnsMode: config.cgroupnsMode ?? (core.cgroups.mode === "unified" ? "private" : "host"),
      init: config.init,
      noNewPrivileges: config.noNewPrivileges,
      cdiSpecDirs: config.cdiSpecDirs,
      ...(config.seccompProfile ? { seccompProfile: seccompText(config.seccompProfile) } : {}),
    },
    host: {
      facts: {
        features: cgroupFeatures(core.cgroups),
        cpus: cpus().length,
        cgroupMode: core.cgroups.mode,
        runtimes: new Set(core.runtimes.all.keys()),
        defaultRuntime: core.runtimes.default.name,
      },
      cgroupMode: core.cgroups.mode,
      seccomp: specHost.seccomp,
      apparmor: specHost.apparmor,
      criu: core.criu,
      ...(init ? { initPath: init } : {}),
    },
    runtimes,
    dataRoot: config.roots.data,
    containersRoot,
    background,
  }
  stack.defer(() => quiesceContainers(context))
  stack.defer(() => logForwarding.stop())
  await recoverContainers(context)
  await core.executor.recover((namespace) => ({ ...background("recover"), namespace }))
  await sandboxes.recover(new Map([["engine", ({ id }) => registry.get(id)?.running ?? false]]))
  resumePolicies(context)

  const containers = new ContainerService(context)
  let facts = systemFacts(config, core)
  const metrics = new EngineMetrics(context, facts.id)
  if (config.metricsAddress) await serveMetrics(metrics, config.metricsAddress, stack, log)
  const server = createApiServer({
    services: {
      containers,
      execs: new ExecService(context),
      images,
      volumes,
      networks: new EngineNetworks(
        { networks, networking, registry, containers: containerNetworks, events, log },
        config.networkOptions,
      ),
      events,
      system: new EngineSystem({
        context,
        containers,
        images,
        volumes,
        layersSize: (scope) => layersSize(core, scope),
        facts: () => facts,
      }),
      registry: new EngineRegistry(core.registries, core.remote),
      traces,
    },
    productVersion: dockerRelease,
    experimental: config.experimental,
    releaseReserve: () => core.database.releaseReserve(),
    onAnswer: (key, seconds) => metrics.observe(key, seconds),
    log: (line) => log.error(line),
    unread: unreadBytes,
  })
  stack.defer(() => server.close(endOfAnswers))
  const tls = tlsKeys(config)
  for (const host of config.hosts) {
    const endpoint = parseEndpoint(host, { path: `${config.roots.run}/barge.sock`, tls: tls !== undefined })
    if (endpoint.kind === "tcp" && !tls) {
      log.warn(`${host} gives root on this machine to everyone who reaches it: use --tlsverify, or a unix socket`)
    }
    const addresses = await server.listen(endpoint, {
      group: config.group ?? "docker",
      listens: lengthenListenQueue,
      ...(tls && endpoint.kind === "tcp" ? { tls } : {}),
    })
    for (const address of addresses) log.info("API listens", { address })
  }
  serves = true
  core.collector.schedule()
  log.info("the daemon is ready", {
    version: build.version,
    runtime: core.runtimes.default.name,
    snapshots: core.snapshots.driver,
    cgroups: core.cgroups.mode,
    milliseconds: Number((nowNanos() - began) / 1_000_000n),
  })
  if (core.runtimes.default.reason) log.info(`${core.runtimes.default.name}: ${core.runtimes.default.reason}`)
  // The first start finds its seccomp filter compiled (12 ms), as every later one does.
  setImmediate(() => {
    const capabilities = resolveCapabilities({ add: [], drop: [], privileged: false })
    context.host.seccomp.for("default", capabilities, core.runtimes.default)
  })
  const owned = stack.move()
  return {
    reload: (next) => {
      core.registries.configure(registrySettings(next), proxySettings(next.proxies, process.env))
      core.trust.configure(next.signaturePolicy)
      facts = reloadedFacts(facts, next)
      for (const remark of next.remarks) log.warn(remark)
      events.publish({
        Type: "daemon",
        Action: "reload",
        Actor: { ID: facts.id, Attributes: reloadAttributes(next, context) },
      })
    },
    [Symbol.asyncDispose]: async () => {
      await server.close(endOfAnswers)
      await quiesceContainers(context)
      await core.executor[Symbol.asyncDispose]()
      const idle = registry.all().every((container) => !container.running)
      if (idle) await core.shim.shutdown().catch((error) => log.warn("the shim stays", { error: messageOf(error) }))
      await owned.disposeAsync()
    },
  }
}

/** How long the daemon's end waits for answers, in milliseconds: a container that is being stopped takes its time, a stream may never end. */
const endOfAnswers = { begun: 1000, awaited: 10_000 }

/** Answers `GET /metrics` at an address until the daemon ends. */
async function serveMetrics(
  metrics: EngineMetrics,
  address: string,
  stack: AsyncDisposableStack,
  log: Log,
): Promise<void> {
  stack.use(watchStalls((seconds) => metrics.stalled(seconds)))
  const server = metrics.server()
  stack.defer(() => server.close())
  for (const listener of await openListeners(parseEndpoint(address, { path: "", tls: false }), server)) {
    stack.use(listener)
    log.info("metrics are served", { address: listener.address })
  }
}

/** Bytes of all layers on disk. */
async function layersSize(core: Core, scope: Scope): Promise<number> {
  let size = 0
  const turns = new Turns()
  for (const snapshot of await core.snapshots.list(scope)) {
    if (snapshot.kind === "committed") size += (await core.snapshots.usage(scope, snapshot.name)).size
    await turns.pass()
  }
  return size
}

function tlsKeys(config: DaemonConfig): TlsKeys | undefined {
  const { tls } = config
  if (!tls) return undefined
  const read = (path: string | undefined, name: string) =>
    readFileSync(path ?? `${process.env["HOME"] ?? "/root"}/.docker/${name}`)
  return {
    cert: read(tls.cert, "cert.pem"),
    key: read(tls.key, "key.pem"),
    ...(tls.verify ? { ca: read(tls.ca, "ca.pem") } : {}),
  }
}

const seccompText = (profile: string): string =>
  profile === "unconfined" || profile === "builtin" ? profile : readFileSync(profile, "utf8")
