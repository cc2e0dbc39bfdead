/** How a layer says that something of the layers below is gone (OCI image spec, "Whiteouts"). */
export const whiteoutPrefix = ".wh."
export const opaqueMarker = ".wh..wh..opq"
/** AUFS' own files, which old layers may hold: of no meaning here. */
export const metadataPrefix = ".wh..wh."
