import { SystemClient } from "./system.ts"
import { Transport, type TransportOptions } from "./transport.ts"

/** A Docker Engine API client. Connects when first asked; `close` ends what is still open. */
export class Docker {
  readonly transport: Transport
  readonly system: SystemClient

  constructor(options: TransportOptions) {
    this.transport = new Transport(options)
    this.system = new SystemClient(this.transport)
  }

  close(): void {
    this.transport.close()
  }
}
