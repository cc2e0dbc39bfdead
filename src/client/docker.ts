import { ContainersClient } from "./containers.ts"
import { ExecsClient } from "./execs.ts"
import { ImagesClient } from "./images.ts"
import { SystemClient } from "./system.ts"
import { Transport, type TransportOptions } from "./transport.ts"
import { VolumesClient } from "./volumes.ts"

/** A Docker Engine API client. Connects when first asked; `close` ends what is still open. */
export class Docker {
  readonly transport: Transport
  readonly containers: ContainersClient
  readonly execs: ExecsClient
  readonly images: ImagesClient
  readonly volumes: VolumesClient
  readonly system: SystemClient

  constructor(options: TransportOptions) {
    this.transport = new Transport(options)
    this.containers = new ContainersClient(this.transport)
    this.execs = new ExecsClient(this.transport)
    this.images = new ImagesClient(this.transport)
    this.volumes = new VolumesClient(this.transport)
    this.system = new SystemClient(this.transport)
  }

  close(): void {
    this.transport.close()
  }
}
