import type { DeviceRequest, HostConfig } from "../../../api/container-config.ts"
import { Failure } from "../../../errors/failure.ts"
import type { CdiDevices } from "../../../runtime/cdi/devices.ts"

/** The kind under which NVIDIA's tools describe their devices. */
const nvidia = "nvidia.com/gpu"

/**
 * The CDI devices that a container asks for: by name (`--device vendor.com/class=name`), or as `--gpus`, which means
 * NVIDIA's where they are described.
 * @throws invalidArgument in Docker's words for a request that nothing here can serve
 */
export function requestedDevices(host: Pick<HostConfig, "DeviceRequests">, known: CdiDevices): string[] {
  return (host.DeviceRequests ?? []).flatMap((request) => {
    if (request.Driver === "cdi") return [...(request.DeviceIDs ?? [])]
    const gpus = isGpu(request) && [...known.devices.keys()].some((name) => name.startsWith(`${nvidia}=`))
    if (!gpus) {
      const sets = (request.Capabilities ?? []).map((one) => `[${one.join(" ")}]`).join(" ")
      throw new Failure(
        "invalidArgument",
        `could not select device driver "${request.Driver}" with capabilities: [${sets}]`,
      )
    }
    return gpuNames(request).map((name) => `${nvidia}=${name}`)
  })
}

const isGpu = ({ Driver, Capabilities }: DeviceRequest): boolean =>
  (Driver === "" || Driver === "nvidia") && (Capabilities ?? []).some((set) => set.includes("gpu"))

function gpuNames({ Count, DeviceIDs }: DeviceRequest): string[] {
  if (DeviceIDs?.length) return [...DeviceIDs]
  return Count < 0 ? ["all"] : Array.from({ length: Count }, (_, i) => String(i))
}
