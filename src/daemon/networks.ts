import { join } from "node:path"
import { PidInits } from "../core/sandboxes/pid-init.ts"
import type { SandboxRecord } from "../core/sandboxes/record.ts"
import { SandboxService } from "../core/sandboxes/service.ts"
import { SharedMemory } from "../core/sandboxes/shared-memory.ts"
import { backgroundScope } from "../core/scope.ts"
import { bootId } from "../linux/boot.ts"
import type { LowDescriptors } from "../linux/low-descriptors.ts"
import { nameOfRunRoot, withBridgeName } from "../network/bridge-name.ts"
import type { DescriptorHolder, Networking, NetworkRecord, Sandbox } from "../network/contract.ts"
import { openNetworking } from "../network/networking.ts"
import { type OlderEndpoint, takeOverEndpoints } from "../network/older-endpoints.ts"
import type { SpecHost } from "../runtime/spec/contract.ts"
import type { Log } from "../std/log.ts"
import type { DaemonConfig } from "./config.ts"
import type { Core } from "./core.ts"

/** The daemon's networks, by its configuration. */
export function openNetworks(
  config: DaemonConfig,
  core: Core,
  given: { readonly holder: DescriptorHolder; readonly lowDescriptors: LowDescriptors },
  log: Log,
): Promise<Networking> {
  const { bridge: options, addressPools, roots } = config
  const withBridge = options.name !== "none"
  const sandboxes = core.database.collection<Sandbox>("network.sandboxes")
  takeOverEndpoints(core.database.collection<OlderEndpoint>("network.endpoints"), sandboxes)
  const open = (name: string) =>
    openNetworking({
      name,
      defaultBridge: withBridge,
      runRoot: roots.run,
      ...given,
      sandboxes,
      networks: core.database.collection<NetworkRecord>("network.networks"),
      ...(options.address ? { bip: options.address } : {}),
      ...(options.address6 ? { bip6: options.address6 } : {}),
      ...(options.fixedCidr ? { fixedCidr: options.fixedCidr } : {}),
      ...(options.fixedCidr6 ? { fixedCidr6: options.fixedCidr6 } : {}),
      ...(options.hostIp ? { hostBinding: options.hostIp } : {}),
      ...(options.gateway ? { gateway: options.gateway } : {}),
      ...(options.gateway6 ? { gateway6: options.gateway6 } : {}),
      ...(options.mtu ? { mtu: options.mtu } : {}),
      ipv6: options.ipv6,
      icc: options.icc,
      ipForward: options.ipForward,
      ipMasq: options.masquerade,
      respectHostFirewall: options.respectHostFirewall,
      ...(addressPools.length > 0 ? { defaultAddressPools: addressPools } : {}),
      log: (message) => log.info(message),
    })
  if (!withBridge) return open(nameOfRunRoot(roots.run))
  if (options.named) return open(options.name)
  const chosen = core.database.collection<{ readonly name: string }>("network.bridge")
  return withBridgeName({ usual: options.name, runRoot: roots.run, chosen, sandboxes }, open)
}

/** Sandboxes in these networks. @param host what processes of sandboxes are confined by */
export function openSandboxes(
  { roots }: DaemonConfig,
  core: Core,
  networking: Networking,
  host: SpecHost,
  log: Log,
): SandboxService {
  const { database, tasks, blocking } = core
  return new SandboxService({
    records: database.collection<SandboxRecord>("core.sandboxes"),
    networking,
    sharedMemory: new SharedMemory(join(roots.run, "shm"), blocking),
    pidInits: new PidInits(tasks, join(roots.data, "init"), host),
    ipcRoot: join(roots.run, "ipc"),
    boot: bootId(),
    blocking,
    scopeOf: (namespace) => backgroundScope(namespace, "sandboxes"),
    log,
  })
}
