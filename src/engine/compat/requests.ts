import type { CreateRequest, HostConfig, MountRequest, UpdateRequest } from "../../api/container-config.ts"
import type { ExecCreateRequest, ExecStartRequest } from "../../api/exec.ts"
import type { Filters } from "../../api/filters.ts"
import { type NetworkCreateRequest, noSettings } from "../../api/network.ts"
import { Failure } from "../../errors/failure.ts"
import { isBefore } from "./version.ts"

type Reshape<T> = (value: T, version: string) => T
type ReshapeBody = (body: never, version: string) => unknown

/**
 * Requests of old clients in the shape of the newest version: what a version did not know is dropped, what it meant
 * otherwise is said explicitly. By the key of the route table.
 */
const bodies: Readonly<Record<string, ReshapeBody>> = {
  "POST /containers/create": (body: CreateRequest | undefined, version) => body && createBody(body, version),
  "POST /containers/:id/update": updateBody,
  "POST /containers/:id/exec": (body: ExecCreateRequest, version) =>
    isBefore(version, "1.42") ? { ...body, ConsoleSize: undefined } : body,
  "POST /exec/:id/start": (body: ExecStartRequest, version) =>
    isBefore(version, "1.42") ? { ...body, ConsoleSize: undefined } : body,
  "POST /networks/create": (body: NetworkCreateRequest, version) =>
    isBefore(version, "1.48") ? { ...body, EnableIPv4: undefined } : body,
}

const queries: Readonly<Record<string, Reshape<Record<string, unknown>>>> = {
  "GET /containers/json": (query, version) => {
    if (isBefore(version, "1.56") && (query["filters"] as Filters).has("annotation"))
      throw new Failure("invalidArgument", "invalid filter 'annotation'")
    return query
  },
  "POST /containers/:id/stop": dropBefore("1.42", "signal"),
  "POST /containers/:id/restart": dropBefore("1.42", "signal"),
  "POST /containers/:id/wait": dropBefore("1.30", "condition"),
  "POST /containers/create": (query, version) => ({
    ...query,
    ...(isBefore(version, "1.41") ? { platform: undefined } : {}),
    shallowReadOnly: isBefore(version, "1.44"),
    warnsOfEmptyPorts: !isBefore(version, "1.52"),
  }),
  "GET /containers/:id/stats": (query, version) =>
    isBefore(version, "1.41") ? { ...query, "one-shot": false } : query,
  "GET /images/json": (query, version) => ({
    ...query,
    ...(isBefore(version, "1.47") ? { manifests: false } : {}),
    ...(isBefore(version, "1.54") ? { identity: false } : {}),
    ...(isBefore(version, "1.41") && query["filter"] ? { filters: withReference(query) } : {}),
  }),
  "GET /images/:name/json": (query, version) => ({
    ...query,
    ...(isBefore(version, "1.48") ? { manifests: false } : {}),
    ...(isBefore(version, "1.49") ? { platform: undefined } : {}),
  }),
  "GET /images/:name/history": dropBefore("1.48", "platform"),
  "GET /images/get": onePlatform,
  "GET /images/:name/get": onePlatform,
  "POST /images/load": onePlatform,
  "POST /images/create": dropBefore("1.32", "platform"),
  "POST /images/:name/push": dropBefore("1.46", "platform"),
  "DELETE /images/:name": (query, version) => (isBefore(version, "1.50") ? { ...query, platforms: [] } : query),
  "GET /system/df": (query, version) => ({
    ...query,
    ...(isBefore(version, "1.42") ? { type: [] } : {}),
    ...(isBefore(version, "1.52") ? { verbose: false } : {}),
  }),
  "POST /volumes/prune": (query, version) =>
    isBefore(version, "1.42")
      ? { ...query, filters: new Map([...(query["filters"] as Map<string, string[]>), ["all", ["true"]]]) }
      : query,
}

function dropBefore(since: string, name: string): Reshape<Record<string, unknown>> {
  return (query, version) => (isBefore(version, since) ? { ...query, [name]: undefined } : query)
}

/** Platforms by which an archive is cut: none before 1.48, one before 1.52. @throws invalidArgument for several in between */
function onePlatform(query: Record<string, unknown>, version: string): Record<string, unknown> {
  if (isBefore(version, "1.48")) return { ...query, platform: [] }
  if (isBefore(version, "1.52") && (query["platform"] as readonly string[]).length > 1)
    throw new Failure(
      "invalidArgument",
      "multiple platform parameters are not supported in this API version; use API version 1.52 or later",
    )
  return query
}

/** A name by itself was how images were filtered before references were. */
function withReference({ filters, filter }: Record<string, unknown>): Map<string, readonly string[]> {
  const given = filters as Map<string, readonly string[]>
  return new Map([...given, ["reference", [...(given.get("reference") ?? []), String(filter)]]])
}

/** @param key of the route table */
export function reshapeBody(key: string, body: unknown, version: string): unknown {
  const reshape = bodies[key] as Reshape<unknown> | undefined
  return reshape ? reshape(body, version) : body
}

/** @param key of the route table */
export function reshapeQuery(key: string, query: unknown, version: string): unknown {
  const reshape = queries[key]
  return reshape && query ? reshape(query as Record<string, unknown>, version) : query
}

/** Block devices were part of the body all along, and ignored before 1.55. */
function updateBody(body: UpdateRequest, version: string): UpdateRequest {
  const withoutDevices = {
    BlkioWeightDevice: null,
    BlkioDeviceReadBps: null,
    BlkioDeviceWriteBps: null,
    BlkioDeviceReadIOps: null,
    BlkioDeviceWriteIOps: null,
  }
  return {
    ...body,
    ...(isBefore(version, "1.55") ? withoutDevices : {}),
    ...(isBefore(version, "1.52") ? {} : { KernelMemoryTCP: undefined }),
    ...(isBefore(version, "1.40") ? { PidsLimit: null } : {}),
  }
}

function createBody(body: CreateRequest, version: string): CreateRequest {
  let result: CreateRequest = { ...body, HostConfig: createHostConfig(body.HostConfig, version) }
  if (isBefore(version, "1.44")) {
    const { StartInterval: _dropped, ...health } = result.Healthcheck ?? {}
    if (result.Healthcheck) result = { ...result, Healthcheck: health }
    if (Object.keys(result.NetworkingConfig.EndpointsConfig ?? {}).length > 1)
      throw new Failure(
        "invalidArgument",
        "Container cannot be created with multiple network endpoints: use API version 1.44 or newer",
      )
  }
  if (!isBefore(version, "1.52")) result = { ...result, MacAddress: undefined }
  return addressOfEndpoint(result)
}

/** Before 1.44 a container had one MAC address; since then it belongs to the endpoint. Both are accepted before 1.52. */
function addressOfEndpoint(body: CreateRequest): CreateRequest {
  const address = body.MacAddress
  const mode = body.HostConfig.NetworkMode || "default"
  const endpoints = body.NetworkingConfig.EndpointsConfig ?? {}
  if (mode === "host" || mode === "none" || mode.startsWith("container:")) {
    if (address || endpoints[mode]?.MacAddress)
      throw new Failure("invalidArgument", "conflicting options: mac-address and the network mode")
    return body
  }
  if (!address) return body
  const network = mode in endpoints ? mode : (Object.keys(endpoints)[0] ?? mode)
  const endpoint = endpoints[network]
  if (endpoint?.MacAddress && endpoint.MacAddress !== address)
    throw new Failure(
      "invalidArgument",
      "the container-wide MAC address must match the endpoint-specific MAC address for the main network, or be left empty",
    )
  const settings = { ...(endpoint ?? noSettings), MacAddress: address }
  return { ...body, NetworkingConfig: { EndpointsConfig: { ...endpoints, [network]: settings } } }
}

function createHostConfig(host: HostConfig, version: string): HostConfig {
  let result = host
  if (isBefore(version, "1.25") && result.AutoRemove) result = { ...result, AutoRemove: false }
  if (isBefore(version, "1.40")) {
    result = { ...result, IpcMode: result.IpcMode || "shareable" }
  }
  if (isBefore(version, "1.41")) result = { ...result, CgroupnsMode: result.CgroupnsMode || "host" }
  if (isBefore(version, "1.43")) result = { ...result, Annotations: undefined }
  if (!isBefore(version, "1.42")) result = { ...result, KernelMemory: undefined }
  if (!isBefore(version, "1.52")) result = { ...result, KernelMemoryTCP: undefined }
  if (isBefore(version, "1.56")) result = { ...result, Umask: undefined }
  return result.Mounts ? { ...result, Mounts: result.Mounts.map((mount) => createMount(mount, version)) } : result
}

function createMount(mount: MountRequest, version: string): MountRequest {
  let { BindOptions: bind, VolumeOptions: volume } = mount
  if (bind && isBefore(version, "1.40")) bind = { ...bind, NonRecursive: undefined }
  if (bind && isBefore(version, "1.42")) bind = { ...bind, CreateMountpoint: undefined }
  if (bind && isBefore(version, "1.44"))
    bind = { ...bind, ReadOnlyNonRecursive: undefined, ReadOnlyForceRecursive: undefined }
  if (volume && isBefore(version, "1.45")) volume = { ...volume, Subpath: undefined }
  return bind === mount.BindOptions && volume === mount.VolumeOptions
    ? mount
    : { ...mount, BindOptions: bind, VolumeOptions: volume }
}
