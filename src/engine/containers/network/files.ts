import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { hostsFile, nameserversOf, ownNames, resolvConf, withHost, withOwnAddresses } from "../../../network/files.ts"
import { resolverAddress } from "../../../network/namespaces.ts"
import type { NetworkFiles } from "../../../runtime/spec/contract.ts"
import { isPredefined } from "../../networks/catalog.ts"
import type { Container } from "../record/container.ts"
import type { ContainerNetworksNeeds } from "./contract.ts"
import { ipv6Disabled } from "./endpoint.ts"
import { linkedTo, linkHosts } from "./links.ts"
import { networkOwner } from "./namespace-owners.ts"

type FilesNeeds = Pick<ContainerNetworksNeeds, "registry" | "networking" | "defaults" | "containersRoot" | "log">

/** Carries out `ContainerNetworks.writeFiles`. */
export async function writeNetworkFiles(needs: FilesNeeds, container: Container): Promise<NetworkFiles> {
  const owner = networkOwner(needs.registry, container)
  const folder = join(needs.containersRoot, owner.id)
  if (owner === container) {
    const { config } = container.document
    mkdirSync(folder, { recursive: true, mode: 0o710 })
    writeFileSync(join(folder, "hostname"), `${config.Hostname}\n`)
    writeFileSync(join(folder, "hosts"), hostsText(needs, container))
    writeFileSync(join(folder, "resolv.conf"), await resolverText(needs, container))
  }
  return { hostname: join(folder, "hostname"), hosts: join(folder, "hosts"), resolvConf: join(folder, "resolv.conf") }
}

/** Carries out `ContainerNetworks.updateLinkedHosts`. */
export function updateLinkedHosts(needs: FilesNeeds, container: Container): void {
  for (const other of linkedTo(needs.registry, container)) {
    const path = join(needs.containersRoot, other.id, "hosts")
    try {
      const before = readFileSync(path, "utf8")
      const after = linkHosts(needs.registry, other).reduce(
        (text, { names, address }) => withHost(text, names, address),
        before,
      )
      // In place: the file is mounted into the container.
      if (after !== before) writeFileSync(path, after)
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOENT")
        needs.log.warn("updating a hosts file failed", { container: other.id, error: String(error) })
    }
  }
}

/** Updates hosts and resolv.conf of a running container whose networks have changed, in place: they are mounted into it. */
export async function rewriteNetworkFiles(needs: FilesNeeds, container: Container): Promise<void> {
  const { config } = container.document
  const folder = join(needs.containersRoot, container.id)
  const hosts = join(folder, "hosts")
  const resolver = join(folder, "resolv.conf")
  writeFileSync(
    hosts,
    withOwnAddresses(textOf(hosts), ownNames(config.Hostname, config.Domainname), addressesOf(container)),
  )
  // A resolv.conf that was changed inside the container stays as it is.
  const [plain, embedded] = [await resolverText(needs, container, false), await resolverText(needs, container, true)]
  const before = textOf(resolver)
  if (before === plain && inUserNetwork(container)) writeFileSync(resolver, embedded)
}

/** The addresses behind `host-gateway`: the configured one, else the default bridge's own. */
function hostGateways({ defaults, networking }: FilesNeeds): readonly string[] {
  if (defaults.hostGateway) return [defaults.hostGateway]
  const gateways = (networking.defaultNetwork?.subnets ?? []).flatMap(({ gateway }) => gateway ?? [])
  return gateways.length > 0 ? gateways : ["127.0.0.1"]
}

/** The addresses of a container in all of its networks. */
const addressesOf = (container: Container): readonly string[] =>
  Object.values(container.state.sandbox?.networks ?? {}).flatMap(({ ipv4, ipv6 }) =>
    [ipv4?.address, ipv6?.address].filter((address) => address !== undefined),
  )

/** Whether the daemon resolves names for the container, as it does in user-defined networks. */
const inUserNetwork = (container: Container): boolean =>
  Object.keys(container.state.sandbox?.networks ?? {}).some((name) => !isPredefined(name))

function hostsText(needs: FilesNeeds, container: Container): string {
  const { config, hostConfig } = container.document
  return hostsFile({
    hostname: config.Hostname,
    domainname: config.Domainname,
    addresses: addressesOf(container),
    links: linkHosts(needs.registry, container),
    extra: hostConfig.ExtraHosts ?? [],
    gateways: hostGateways(needs),
    ...(ipv6Disabled(container) ? { ipv6: false } : {}),
    ...(hostConfig.NetworkMode === "host" ? { base: textOf("/etc/hosts") } : {}),
  })
}

async function resolverText(
  needs: FilesNeeds,
  container: Container,
  embedded = inUserNetwork(container),
): Promise<string> {
  const { hostConfig } = container.document
  const { dns } = needs.defaults
  const host = textOf("/etc/resolv.conf")
  return resolvConf(host, embedded ? [resolverAddress] : await nameservers(needs, container, host), {
    dns: hostConfig.Dns?.length ? hostConfig.Dns : dns.servers,
    search: hostConfig.DnsSearch?.length ? hostConfig.DnsSearch : dns.search,
    options: hostConfig.DnsOptions?.length ? hostConfig.DnsOptions : dns.options,
    embedded,
  })
}

/** Name servers that the container can reach. */
async function nameservers(needs: FilesNeeds, container: Container, host: string): Promise<readonly string[]> {
  return container.state.sandbox?.path ? await needs.networking.nameservers() : nameserversOf(host)
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return ""
  }
}
