/** What a tree of files holds. */
export interface TreeUsage {
  /** Bytes, without those of trees below. */
  readonly size: number
  readonly inodes: number
}

/** A layer that is mounted, not unpacked: its archive, and an EROFS image of what is in it that points into the archive. */
export interface LayerImage {
  readonly archive: string
  /** Its appearance makes the layer one of this form. */
  readonly index: string
}

/** A directory to unpack one layer into, the snapshot's own difference in overlay's on-disk form. */
export interface LayerTarget {
  /** The directory that holds this layer's own files. */
  readonly directory: string
  /** Whiteouts are written as 0/0 character devices and opaque directories as `trusted.overlay.opaque` when true; applied to the tree when false. */
  readonly overlayForm: boolean
  /** Where the layer may be put instead, when nothing else is written to the snapshot before its commit; absent where that cannot be mounted. */
  readonly image?: LayerImage
}

/** A directory of a layer that no entry describes. */
export interface ImpliedDirectory {
  /** Empty for the root. */
  readonly path: string
  /** Where it is described in the layer's image, when it has one. */
  readonly inodeAt?: number
}

/** What a layer has brought. */
export interface LayerContents {
  readonly implied: readonly ImpliedDirectory[]
  /** What it holds, when that was counted. */
  readonly usage?: TreeUsage
}
