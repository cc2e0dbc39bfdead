import type { ContainerSummary, Port } from "../../../api/container.ts"
import {
  annotationsMatch,
  booleanFilter,
  exactMatch,
  type Filters,
  labelsMatch,
  patternMatcher,
} from "../../../api/filters.ts"
import type { Scope } from "../../../core/scope.ts"
import { Failure, isKind } from "../../../errors/failure.ts"
import { Turns } from "../../../std/turns.ts"
import { linkNames } from "../network/links.ts"
import type { Container } from "../record/container.ts"
import type { ListOptions, ViewsNeeds } from "./contract.ts"
import { boundPorts, networksOf } from "./inspect.ts"
import { LayerStackSizes } from "./layer-stack-sizes.ts"
import { portRanges, portsMatch } from "./list-ports.ts"
import { mountPoints } from "./mount-point.ts"
import { statusText } from "./status-text.ts"

type ListNeeds = Pick<ViewsNeeds, "registry" | "images" | "snapshots" | "volumes" | "networks">

const statuses = ["created", "running", "paused", "restarting", "removing", "exited", "dead"]

/** Carries out `Views.list`. */
export async function listContainers(
  needs: ListNeeds,
  scope: Scope,
  options: ListOptions,
): Promise<ContainerSummary[]> {
  const { filters } = options
  checkFilters(filters)
  const ports = { expose: portRanges(filters, "expose"), publish: portRanges(filters, "publish") }
  const byAge = needs.registry.all().sort((a, b) => compareCreated(b, a))
  const before = anchor(needs, filters, "before")
  const since = anchor(needs, filters, "since")
  const ancestors = await ancestorIds(needs, scope, filters)
  const explicit = filters.has("status") || options.limit > 0
  const running = booleanFilter(filters, "is-task")
  const named = patternMatcher(filters, "name")
  const isChosen = (container: Container) => {
    if (container.removed) return false
    if (!options.all && !explicit && !container.running && container.state.status !== "restarting") return false
    if (before && compareCreated(container, before) >= 0) return false
    if (since && compareCreated(container, since) <= 0) return false
    if (running === true) return false
    if (ancestors && !ancestors.has(container.document.imageId)) return false
    return matches(container, filters, named) && portsMatch(needs, container, ports)
  }
  const listing = new Listing(needs, scope, options.size)
  const summaries: ContainerSummary[] = []
  const turns = new Turns()
  for (const container of byAge) {
    if (isChosen(container)) summaries.push(await listing.summary(container))
    if (options.limit > 0 && summaries.length === options.limit) break
    await turns.pass()
  }
  return summaries
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

function matches(container: Container, filters: Filters, named: (name: string) => boolean): boolean {
  const { document, id } = container
  const { config, hostConfig, state } = document
  const names = (wanted: string) => document.name === wanted || `/${document.name}` === wanted
  const nameFilter = filters.get("name")
  if (nameFilter && !nameFilter.some(names) && !named(`/${document.name}`) && !named(document.name)) return false
  const ids = filters.get("id")
  // An empty ID matches nothing: a script with an empty variable must not list, and then remove, all containers.
  if (ids && ids.length > 0 && !ids.some((prefix) => prefix !== "" && id.startsWith(prefix))) return false
  if (!labelsMatch(filters, config.Labels)) return false
  if (!annotationsMatch(filters, hostConfig.Annotations ?? {})) return false
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

/** Whether the container is in the network of this name or ID prefix; an empty text means any network. */
const inNetwork = (container: Container, wanted: string): boolean =>
  Object.entries(container.document.networking.EndpointsConfig ?? {}).some(
    ([name, settings]) => name === wanted || (settings?.NetworkID ?? "").startsWith(wanted),
  )

function anchor(needs: ListNeeds, filters: Filters, key: "before" | "since"): Container | undefined {
  const ref = filters.get(key)?.[0]
  return ref === undefined ? undefined : needs.registry.resolve(ref)
}

async function ancestorIds(needs: ListNeeds, scope: Scope, filters: Filters): Promise<Set<string> | undefined> {
  const wanted = filters.get("ancestor")
  if (!wanted || wanted.length === 0) return undefined
  const ids = new Set<string>()
  for (const ref of wanted) {
    try {
      ids.add((await needs.images.forContainer(scope, ref)).resolved.id)
    } catch (error) {
      if (!isKind(error, "notFound") && !isKind(error, "invalidArgument")) throw error
    }
  }
  return ids
}

/** Orders by creation time, older first, then by ID. */
function compareCreated(a: Container, b: Container): number {
  return a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : a.id > b.id ? 1 : 0
}

/** The summaries of one answer. Images and layers that containers share are looked up once. */
class Listing {
  readonly #needs: ListNeeds
  readonly #scope: Scope
  readonly #sizes: LayerStackSizes | undefined
  readonly #linkNames: ReadonlyMap<string, readonly string[]>
  readonly #images = new Map<string, Promise<string>>()

  constructor(needs: ListNeeds, scope: Scope, withSizes: boolean) {
    this.#needs = needs
    this.#scope = scope
    this.#sizes = withSizes ? new LayerStackSizes(needs.snapshots, scope) : undefined
    this.#linkNames = linkNames(needs.registry)
  }

  async summary(container: Container): Promise<ContainerSummary> {
    const { document, id } = container
    const annotations = document.hostConfig.Annotations
    return {
      Id: id,
      Names: [`/${document.name}`, ...(this.#linkNames.get(id) ?? [])],
      Image: await this.#image(document.imageId, document.config.Image),
      ImageID: document.imageId,
      // An argument with spaces is quoted, so that it is seen as one.
      Command: [document.path, ...document.args.map((arg) => (arg.includes(" ") ? `'${arg}'` : arg))].join(" "),
      Created: Number(container.createdAt / 1_000_000_000n),
      Ports: listPorts(this.#needs, container),
      ...(this.#sizes ? await this.#sizes.of(container) : {}),
      Labels: document.config.Labels ?? {},
      State: document.state.status,
      Status: statusText(container, Date.now()),
      HostConfig: {
        NetworkMode: document.hostConfig.NetworkMode,
        ...(annotations && Object.keys(annotations).length > 0 ? { Annotations: annotations } : {}),
      },
      NetworkSettings: { Networks: networksOf(container) },
      Mounts: await mountPoints(this.#scope, this.#needs.volumes, document.mounts),
      Health: {
        Status: document.state.health?.status ?? "none",
        FailingStreak: document.state.health?.failingStreak ?? 0,
      },
    }
  }

  /** The name that a container's image was created by, while it still has that name, else its ID. */
  #image(id: string, asCreated: string): Promise<string> {
    const key = `${id} ${asCreated}`
    const known = this.#images.get(key) ?? this.#needs.images.display(this.#scope, id, asCreated)
    this.#images.set(key, known)
    return known
  }
}

function listPorts(needs: ListNeeds, container: Container): Port[] {
  return Object.entries(boundPorts(needs, container)).flatMap(([key, bindings]): Port[] => {
    const [number, Type = "tcp"] = key.split("/")
    const PrivatePort = Number(number)
    if (bindings === null) return [{ PrivatePort, Type }]
    return bindings.map(({ HostIp, HostPort }) =>
      HostPort === "" ? { PrivatePort, Type } : { IP: HostIp, PrivatePort, PublicPort: Number(HostPort), Type },
    )
  })
}
