/** struct epoll_event is packed on x86_64 only (epoll_ctl(2), the kernel's EPOLL_PACKED). */
const packed = process.arch === "x64"

/** Bytes of a struct epoll_event. */
export const eventSize = packed ? 12 : 16

/** Where its user data begins. */
export const tokenAt = packed ? 4 : 8
