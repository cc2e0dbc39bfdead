import { Failure } from "../../errors/failure.ts"
import type { SpecNamespaces, SpecRequest } from "./contract.ts"

/** Sysctls that belong to the IPC namespace (runtime specification, "Sysctl"). */
const ofIpc = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
])
const ofUts = new Set(["kernel.domainname", "kernel.hostname"])

/** Refuses sysctls that would change the host. @throws invalidArgument naming the one */
export function checkSysctls(
  sysctls: Readonly<Record<string, string>>,
  namespaces: Pick<SpecNamespaces, "network" | "ipc" | "uts">,
): void {
  for (const written of Object.keys(sysctls)) {
    const name = written.replaceAll("/", ".")
    const refuse = (why: string) => new Failure("invalidArgument", `sysctl "${written}" ${why}`)
    if (name.startsWith("net.")) {
      if (namespaces.network === "host") throw refuse("not allowed in host network namespace")
    } else if (ofIpc.has(name) || name.startsWith("fs.mqueue.")) {
      if (namespaces.ipc === "host") throw refuse("not allowed in host ipc namespace")
    } else if (ofUts.has(name)) {
      if (namespaces.uts === "host") throw refuse("not allowed in host UTS namespace")
    } else throw refuse("is not in a separate kernel namespace")
  }
}

/**
 * The sysctls of a container. In a new network namespace low ports and ping need no privilege; one that is joined is left as it is: it
 * may be the host's. @throws invalidArgument
 */
export function sysctlsOf({ sysctl, namespaces, domainname }: SpecRequest): Record<string, string> {
  checkSysctls(sysctl, namespaces)
  const { network, uts } = namespaces
  const unprivileged: Record<string, string> =
    network === "new" ? { "net.ipv4.ip_unprivileged_port_start": "0", "net.ipv4.ping_group_range": "0 2147483647" } : {}
  const domain: Record<string, string> = domainname && uts !== "host" ? { "kernel.domainname": domainname } : {}
  const withoutIpv6 = Object.fromEntries(
    (typeof network === "object" ? (network.withoutIpv6 ?? []) : [])
      .filter((name) => !name.includes("."))
      .map((name) => [`net.ipv6.conf.${name}.disable_ipv6`, "1"]),
  )
  return { ...unprivileged, ...withoutIpv6, ...domain, ...sysctl }
}
