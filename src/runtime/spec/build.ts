import type { RuntimeSpec } from "../../oci/runtime-spec.ts"
import { allDeviceRules, defaultDeviceRules } from "../defaults.ts"
import { hostDevices } from "../devices.ts"
import type { SpecHost, SpecRequest } from "./contract.ts"
import { initInContainer, mountsOf, rootPropagation } from "./mounts.ts"
import { namespacesOf } from "./namespaces.ts"
import { processOf } from "./process.ts"
import { hiddenPaths, seccompOf } from "./security.ts"
import { sysctlsOf } from "./sysctls.ts"

/**
 * The runtime specification of a container.
 * @param root the container's mounted root, for names of users. `root.path` is for the task service to fill in
 * @throws invalidArgument for unknown users, and for what this host cannot do
 */
export function buildSpec(request: SpecRequest, host: SpecHost, root: string): RuntimeSpec {
  const { namespaces, security } = request
  const filter = seccompOf(security, host)
  const sysctl = sysctlsOf(request)
  const mounts = mountsOf(request, host)
  const propagation = rootPropagation(mounts)
  const process = processOf(request, host, root)
  return {
    // The lowest version that covers what is used: crun 1.8 refuses those it does not know.
    ociVersion: "1.0.2",
    process: { ...process, args: [...(request.init ? [initInContainer, "--"] : []), ...process.args] },
    root: { path: "", readonly: request.readonlyRoot },
    ...(namespaces.uts === "host" ? {} : { hostname: request.hostname }),
    mounts,
    linux: {
      namespaces: namespacesOf(namespaces),
      devices: security.privileged ? hostDevices() : request.devices.map(({ device }) => device),
      ...(request.cgroupsPath ? { cgroupsPath: request.cgroupsPath } : {}),
      resources: { ...request.resources, devices: deviceRules(request) },
      ...(Object.keys(sysctl).length > 0 ? { sysctl } : {}),
      ...(propagation ? { rootfsPropagation: propagation } : {}),
      ...(filter.seccomp ? { seccomp: filter.seccomp } : {}),
      ...hiddenPaths(security),
    },
    annotations: { ...request.annotations, ...filter.annotations },
  }
}

const deviceRules = ({ security, devices, deviceRules: asked }: SpecRequest) =>
  security.privileged ? [...allDeviceRules] : [...defaultDeviceRules, ...devices.map(({ rule }) => rule), ...asked]
