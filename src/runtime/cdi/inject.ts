import { Failure } from "../../errors/failure.ts"
import type { Device, DeviceRule, RuntimeSpec } from "../../oci/runtime-spec.ts"
import { mapDevice } from "../devices.ts"
import type { CdiDevice, CdiDevices, ContainerEdits } from "./devices.ts"

/** Gives a container the devices it asks for. @throws invalidArgument in Docker's words, naming those that are not described */
export function injectCdiDevices(spec: RuntimeSpec, names: readonly string[], known: CdiDevices): void {
  const missing = names.filter((name) => !known.devices.has(name))
  if (missing.length > 0)
    throw new Failure(
      "invalidArgument",
      `CDI device injection failed: unresolvable CDI devices ${missing.join(", ")}${known.problems.map((problem) => `; ${problem}`).join("")}`,
    )
  const chosen = names.map((name): CdiDevice => known.devices.get(name)!)
  for (const edits of new Set(chosen.map((device) => device.common))) applyEdits(spec, edits)
  for (const device of chosen) applyEdits(spec, device.edits)
}

function applyEdits(spec: RuntimeSpec, edits: ContainerEdits): void {
  const names = new Set((edits.env ?? []).map((line) => line.split("=", 1)[0]))
  spec.process.env = [...spec.process.env.filter((line) => !names.has(line.split("=", 1)[0])), ...(edits.env ?? [])]
  for (const node of edits.deviceNodes ?? []) {
    for (const { device, rule } of nodesOf(node)) {
      const others = (spec.linux.devices ?? []).filter((one) => one.path !== device.path)
      spec.linux.devices = [...others, device]
      spec.linux.resources = {
        ...spec.linux.resources,
        devices: [...(spec.linux.resources?.devices ?? []), rule],
      }
    }
  }
  for (const { hostPath, containerPath, options, type } of edits.mounts ?? []) {
    spec.mounts = [
      ...spec.mounts.filter((mount) => mount.destination !== containerPath),
      { destination: containerPath, source: hostPath, type: type ?? "bind", options: [...(options ?? ["rbind"])] },
    ]
  }
  for (const { hookName, ...hook } of edits.hooks ?? [])
    spec.hooks = { ...spec.hooks, [hookName]: [...(spec.hooks?.[hookName] ?? []), hook] }
  if (edits.additionalGids?.length)
    spec.process.user.additionalGids = [
      ...new Set([...(spec.process.user.additionalGids ?? []), ...edits.additionalGids.filter((gid) => gid !== 0)]),
    ]
}

/** A node described by its numbers, or taken from the host. */
function nodesOf(
  node: NonNullable<ContainerEdits["deviceNodes"]>[number],
): { readonly device: Device; readonly rule: DeviceRule }[] {
  const access = node.permissions ?? "rwm"
  const owner = {
    ...(node.fileMode === undefined ? {} : { fileMode: node.fileMode }),
    ...(node.uid === undefined ? {} : { uid: node.uid }),
    ...(node.gid === undefined ? {} : { gid: node.gid }),
  }
  if (node.type === undefined || node.major === undefined || node.minor === undefined)
    return mapDevice(node.hostPath ?? node.path, node.path, access).map(({ device, rule }) => ({
      device: { ...device, ...owner },
      rule,
    }))
  const type = node.type === "b" ? "b" : "c"
  const numbers = { type, major: node.major, minor: node.minor } as const
  return [{ device: { path: node.path, ...numbers, ...owner }, rule: { allow: true, ...numbers, access } }]
}
