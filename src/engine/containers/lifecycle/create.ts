import { mkdirSync, rmSync } from "node:fs"
import { hostname } from "node:os"
import { join } from "node:path"
import type { CreateResponse } from "../../../api/container.ts"
import type { CreateRequest, HostConfig } from "../../../api/container-config.ts"
import type { Scope } from "../../../core/scope.ts"
import { formatPlatform, hostPlatform } from "../../../oci/platform.ts"
import { formatNanos, nowNanos } from "../../../std/clock.ts"
import { newId, shortId } from "../../../std/id.ts"
import { Turns } from "../../../std/turns.ts"
import type { ContainerImage } from "../../images/for-containers.ts"
import { checkLogConfig, isDriverNamed } from "../../logging/config.ts"
import { step } from "../../traces/step.ts"
import type { ContainerContext } from "../context.ts"
import { checkNetworking, initialNetworking } from "../network/endpoint.ts"
import { resolveLinks } from "../network/links.ts"
import { pinNamespaceOwners } from "../network/namespace-owners.ts"
import { Container } from "../record/container.ts"
import type { ResolvedMount } from "../record/document.ts"
import { publish } from "../record/events.ts"
import { commandOf, mergeImageConfig } from "../request/merge.ts"
import { checkName, inventName } from "../request/names.ts"
import { validateContainer } from "../request/validate.ts"
import { validateConfig } from "../request/validate-config.ts"
import type { CreateOptions } from "./contract.ts"

/** Makes a container: record, name and snapshot in one transaction; nothing stays when it fails. */
export async function createContainer(
  context: ContainerContext,
  scope: Scope,
  request: CreateRequest,
  options: CreateOptions,
): Promise<CreateResponse> {
  const { registry } = context
  // A request may have tens of thousands of variables, labels and ports: each step takes milliseconds then.
  const turns = new Turns()
  const { HostConfig: asked, NetworkingConfig: networking, ...config } = request
  const { host, warnings } = validateContainer(config, withDefaults(context, asked), context.host.facts)
  await turns.pass()
  const image = config.Image
    ? await step(scope, "image", async (span) => {
        const found = await context.images.forContainer(scope, config.Image, options.platform)
        span.set({ image: config.Image, id: found.resolved.id, layers: found.resolved.config.rootfs.diff_ids.length })
        return found
      })
    : undefined
  const asRequested = mergeImageConfig(config, image?.resolved.config.config)
  await turns.pass()
  validateConfig(asRequested)
  const id = newId()
  const name =
    options.name === undefined ? inventName((taken) => registry.byName(taken) !== undefined) : checkName(options.name)
  registry.reserve(name, id)
  const folder = join(context.containersRoot, id)
  let mounts: readonly ResolvedMount[] = []
  try {
    const hostConfig = pinNamespaceOwners(registry, host)
    const links = resolveLinks(registry, hostConfig)
    // Filled in after the validation, which refuses a hostname together with another's namespace.
    const merged = {
      ...asRequested,
      Hostname: asRequested.Hostname || (sharesHostName(asked) ? hostname() : id.slice(0, 12)),
    }
    const [path, ...args] = commandOf(merged) as [string, ...string[]]
    mounts = await context.mounts.resolve(scope, id, {
      hostConfig,
      request: Object.keys(config.Volumes ?? {}),
      image: Object.keys(image?.resolved.config.config?.Volumes ?? {}),
      shallowReadOnly: options.shallowReadOnly,
    })
    await turns.pass()
    checkNetworking(context.networks, networking)
    const container = new Container(id, {
      name,
      created: formatNanos(nowNanos()),
      path,
      args,
      config: merged,
      hostConfig,
      logDriverNamed: isDriverNamed(asked.LogConfig, context.defaults),
      networking: initialNetworking(context.networks, hostConfig, merged, networking),
      imageId: image?.resolved.id ?? "",
      ...(image ? { manifestDigest: image.resolved.manifest.digest } : {}),
      platform: image?.resolved.config.os ?? "linux",
      mounts,
      ...(links.length > 0 ? { links } : {}),
      state: {
        status: "created",
        pid: 0,
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAt: "0",
        finishedAt: "0",
        restartCount: 0,
        manuallyStopped: false,
      },
    })
    mkdirSync(folder, { recursive: true, mode: 0o710 })
    await step(scope, "prepare snapshot", async (span) => {
      const parent = image?.resolved.chainID
      await registry.add(scope, container, {
        ...(image ? { image: image.name ?? image.resolved.id } : {}),
        runtime: hostConfig.Runtime ?? context.runtimes[0]!.name,
        ...(parent ? { parent } : {}),
        snapshot: true,
      })
      span.set({ driver: context.snapshots.driver, key: shortId(id), ...(parent ? { parent } : {}) })
    })
    context.traces.keep(id, scope.span)
    publish(context, container, "create")
    const ofPorts = options.warnsOfEmptyPorts ? emptyPortsWarning(asked) : []
    return { Id: id, Warnings: [...ofPorts, ...warnings, ...platformWarning(image)] }
  } catch (error) {
    registry.free(name, id)
    await context.mounts.removeImageSnapshots(scope, mounts)
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** What clients since 1.52 are told: Docker means to publish no port for an empty list one day. */
function emptyPortsWarning({ PortBindings }: HostConfig): readonly string[] {
  const empty = Object.entries(PortBindings ?? {}).flatMap(([port, bindings]) => (bindings?.length ? [] : [port]))
  if (empty.length === 0) return []
  return [
    `Following container port(s) have an empty list of port-bindings: ${empty.join(", ")}. Such bindings will be discarded in a future version.`,
  ]
}

function platformWarning(image: ContainerImage | undefined): string[] {
  if (!image) return []
  const host = hostPlatform()
  const made = image.resolved.config
  if (made.architecture === host.architecture && made.os === host.os) return []
  return [
    `The requested image's platform (${formatPlatform(made)}) does not match the detected host platform (${formatPlatform(host)}) and no specific platform was requested`,
  ]
}

/** Whether a container that asks for no name of its own goes by the host's. */
const sharesHostName = (host: HostConfig): boolean => host.UTSMode === "host" || host.NetworkMode === "host"

/** Fills in what the daemon's configuration decides. */
function withDefaults({ defaults, host }: ContainerContext, asked: HostConfig): HostConfig {
  const options = asked.SecurityOpt ?? []
  const added = [
    ...(defaults.noNewPrivileges && !options.some((option) => option.startsWith("no-new-privileges"))
      ? ["no-new-privileges"]
      : []),
    ...(defaults.seccompProfile && !options.some((option) => option.startsWith("seccomp"))
      ? [`seccomp=${defaults.seccompProfile}`]
      : []),
  ]
  const named = new Set((asked.Ulimits ?? []).map((limit) => limit.Name))
  const ulimits = [...(asked.Ulimits ?? []), ...defaults.ulimits.filter((limit) => !named.has(limit.Name))]
  return {
    ...asked,
    LogConfig: checkLogConfig(asked.LogConfig, defaults),
    ShmSize: asked.ShmSize || defaults.shmSize,
    IpcMode: asked.IpcMode || defaults.ipcMode,
    CgroupnsMode:
      asked.CgroupnsMode || (asked.Privileged && host.cgroupMode !== "unified" ? "host" : defaults.cgroupnsMode),
    ...(added.length > 0 ? { SecurityOpt: [...options, ...added] } : {}),
    ...(ulimits.length > 0 ? { Ulimits: ulimits } : {}),
    ...(asked.Init === undefined && defaults.init ? { Init: true } : {}),
  }
}
