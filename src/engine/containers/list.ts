import type { ContainerSummary, Port } from "../../api/container.ts"
import { booleanFilter, exactMatch, type Filters, labelsMatch, patternMatch } from "../../api/filters.ts"
import type { Scope } from "../../core/scope.ts"
import { Failure, isKind } from "../../errors/failure.ts"
import type { Container } from "./container.ts"
import type { ContainerContext } from "./context.ts"
import type { ListOptions } from "./contract.ts"
import { boundPorts, networksOf, sizes } from "./inspect.ts"
import { linkNames } from "./links.ts"
import { portRanges, portsMatch } from "./list-ports.ts"
import { mountPoint } from "./mounts/mount-point.ts"
import { statusText } from "./status-text.ts"

const statuses = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]

/** `GET /containers/json`: newest first. */
export async function listContainers(
  context: ContainerContext,
  scope: Scope,
  options: ListOptions,
): Promise<ContainerSummary[]> {
  const { filters } = options
  checkFilters(filters)
  const ports = { expose: portRanges(filters, "expose"), publish: portRanges(filters, "publish") }
  const byAge = context.registry
    .all()
    .filter((container) => !container.removed)
    .sort((a, b) => compareCreated(b, a))
  const before = anchor(context, filters, "before")
  const since = anchor(context, filters, "since")
  const ancestors = await ancestorIds(context, scope, filters)
  const explicit = filters.has("status") || options.limit > 0
  const running = booleanFilter(filters, "is-task")
  const chosen = byAge.filter((container) => {
    if (!options.all && !explicit && !container.running && container.state.status !== "restarting") return false
    if (before && compareCreated(container, before) >= 0) return false
    if (since && compareCreated(container, since) <= 0) return false
    if (running === true) return false
    if (ancestors && !ancestors.has(container.document.imageId)) return false
    return matches(container, filters) && portsMatch(context, container, ports)
  })
  const names = linkNames(context.registry)
  const limited = options.limit > 0 ? chosen.slice(0, options.limit) : chosen
  const image = imageNames(context, scope)
  return await Promise.all(
    limited.map((container) => summary(context, scope, container, { names, image, size: options.size })),
  )
}

/** What a container's image is called. Many have the same: each is looked up once. */
function imageNames(context: ContainerContext, scope: Scope): (container: Container) => Promise<string> {
  const known = new Map<string, Promise<string>>()
  return ({ document: { imageId, config } }) => {
    const key = `${imageId} ${config.Image}`
    const name = known.get(key) ?? context.images.display(scope, imageId, config.Image)
    known.set(key, name)
    return name
  }
}

function checkFilters(filters: Filters): void {
  for (const status of filters.get("status") ?? []) {
    if (!statuses.includes(status)) {
      throw new Failure(
        "invalidArgument",
        `invalid filter 'status=${status}': invalid value for state (${status}): must be one of ${statuses.join(", ")}`,
      )
    }
  }
  for (const health of filters.get("health") ?? []) {
    if (!["none", "starting", "healthy", "unhealthy"].includes(health)) {
      throw new Failure(
        "invalidArgument",
        `invalid filter 'health=${health}': unrecognised filter value for health: ${health}`,
      )
    }
  }
  for (const code of filters.get("exited") ?? []) {
    if (!/^[+-]?\d+$/.test(code))
      throw new Failure(
        "invalidArgument",
        `invalid filter 'exited=${code}': strconv.Atoi: parsing ${JSON.stringify(code)}: invalid syntax`,
      )
  }
}

function matches(container: Container, filters: Filters): boolean {
  const { document, id } = container
  const { config, state } = document
  const names = (wanted: string) => document.name === wanted || `/${document.name}` === wanted
  const nameFilter = filters.get("name")
  if (
    nameFilter &&
    !nameFilter.some(names) &&
    !patternMatch(filters, "name", `/${document.name}`) &&
    !patternMatch(filters, "name", document.name)
  ) {
    return false
  }
  const ids = filters.get("id")
  if (ids && ids.length > 0 && !ids.some((prefix) => id.startsWith(prefix))) return false
  if (!labelsMatch(filters, config.Labels)) return false
  if (!exactMatch(filters, "status", state.status)) return false
  const exited = filters.get("exited")
  if (exited && (state.startedAt === "0" || container.running || !exited.includes(String(state.exitCode)))) return false
  if (!exactMatch(filters, "health", state.health?.status ?? "none")) return false
  const networks = filters.get("network")
  if (networks?.length && !networks.some((wanted) => inNetwork(container, wanted))) return false
  const volumes = filters.get("volume")
  if (
    volumes &&
    !volumes.some((wanted) => document.mounts.some((mount) => mount.source === wanted || mount.destination === wanted))
  ) {
    return false
  }
  return true
}

/** By name, or by a part of the ID as long as Docker wants it. */
const inNetwork = (container: Container, wanted: string): boolean =>
  Object.entries(container.document.networking.EndpointsConfig ?? {}).some(
    ([name, settings]) => name === wanted || (wanted !== "" && (settings?.NetworkID ?? "").startsWith(wanted)),
  )

function anchor(context: ContainerContext, filters: Filters, key: "before" | "since"): Container | undefined {
  const ref = filters.get(key)?.[0]
  return ref === undefined ? undefined : context.registry.resolve(ref)
}

async function ancestorIds(
  context: ContainerContext,
  scope: Scope,
  filters: Filters,
): Promise<Set<string> | undefined> {
  const wanted = filters.get("ancestor")
  if (!wanted || wanted.length === 0) return undefined
  const ids = new Set<string>()
  for (const ref of wanted) {
    try {
      ids.add((await context.images.forContainer(scope, ref)).resolved.id)
    } catch (error) {
      if (!isKind(error, "notFound") && !isKind(error, "invalidArgument")) throw error
    }
  }
  return ids
}

/** Older first; containers of the same instant by ID. */
function compareCreated(a: Container, b: Container): number {
  return a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

async function summary(
  context: ContainerContext,
  scope: Scope,
  container: Container,
  list: {
    readonly names: ReadonlyMap<string, readonly string[]>
    readonly image: (container: Container) => Promise<string>
    readonly size: boolean
  },
): Promise<ContainerSummary> {
  const { document, id } = container
  const annotations = document.hostConfig.Annotations
  return {
    Id: id,
    Names: [`/${document.name}`, ...(list.names.get(id) ?? [])],
    Image: await list.image(container),
    ImageID: document.imageId,
    // An argument with spaces is quoted, so that it is seen as one.
    Command: [document.path, ...document.args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" "),
    Created: Number(container.createdAt / 1_000_000_000n),
    Ports: listPorts(context, container),
    ...(list.size ? await sizes(context, scope, container) : {}),
    Labels: document.config.Labels ?? {},
    State: document.state.status,
    Status: statusText(container, Date.now()),
    HostConfig: {
      NetworkMode: document.hostConfig.NetworkMode,
      ...(annotations && Object.keys(annotations).length > 0 ? { Annotations: annotations } : {}),
    },
    NetworkSettings: { Networks: networksOf(container) },
    Mounts: await Promise.all(document.mounts.map((mount) => mountPoint(scope, context.volumes, mount))),
  }
}

function listPorts(context: ContainerContext, container: Container): Port[] {
  return Object.entries(boundPorts(context, container)).flatMap(([key, bindings]): Port[] => {
    const [number, Type = "tcp"] = key.split("/")
    const PrivatePort = Number(number)
    if (bindings === null) return [{ PrivatePort, Type }]
    return bindings.map(({ HostIp, HostPort }) =>
      HostPort === "" ? { PrivatePort, Type } : { IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type },
    )
  })
}
