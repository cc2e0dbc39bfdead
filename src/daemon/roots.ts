/** Where one daemon keeps everything. Several daemons run side by side with different roots. */
export interface Roots {
  /** Survives reboots; default `/var/lib/barge`. */
  readonly data: string
  /** Sockets, bundles, namespaces, shim state; default `/run/barge`. */
  readonly run: string
}
