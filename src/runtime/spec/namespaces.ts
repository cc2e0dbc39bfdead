import type { LinuxSpec } from "../../oci/runtime-spec.ts"
import type { NamespaceChoice, SpecNamespaces } from "./contract.ts"

type Namespace = LinuxSpec["namespaces"][number]

/** The namespaces of a container: an entry without a path is a new one, an absent type the host's. */
export function namespacesOf({ network, uts, pid, ipc, cgroup }: SpecNamespaces): Namespace[] {
  return [
    { type: "mount" },
    ...entry("network", network),
    ...entry("uts", uts),
    ...entry("pid", pid),
    ...entry("ipc", ipc),
    ...entry("cgroup", cgroup),
  ]
}

function entry(type: Namespace["type"], choice: NamespaceChoice): Namespace[] {
  if (choice === "host") return []
  return [choice === "new" ? { type } : { type, path: choice.path }]
}
