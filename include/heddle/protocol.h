/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The control protocol: JSON-RPC 2.0 over a UNIX stream socket, one JSON text a line.
 *
 * A request is one line ending in '\n'; so is its answer. Requests may be pipelined; answers come in order.
 * docs/control-protocol.md lists the methods.
 */
#ifndef HEDDLE_PROTOCOL_H
#define HEDDLE_PROTOCOL_H

#define HD_SOCKET_DEFAULT "/run/heddle/heddle.sock"
#define HD_REQUEST_MAX (48u << 20) /* bytes in a request line; a longer one closes the connection */
#define HD_REQUEST_LONG (4u << 20) /* longer lines than this: from HD_LONG_MAX clients at a time */
#define HD_LONG_MAX 8
#define HD_BACKLOG_MAX (16u << 20) /* bytes of unread answers with which a client is answered nothing more */
#define HD_DEPTH_MAX 32            /* nesting of a request's JSON */
#define HD_BATCH_MAX 100           /* requests in a batch */
#define HD_CLIENTS_MAX 1024
#define HD_FRAMES_MAX 4096 /* dropped frames in an answer */

/* Error codes of answers: JSON-RPC 2.0 section 5.1, and our own from -32000 up. */
enum hd_rpc_error {
	HD_RPC_PARSE = -32700,
	HD_RPC_INVALID_REQUEST = -32600,
	HD_RPC_NO_METHOD = -32601,
	HD_RPC_INVALID_PARAMS = -32602,
	HD_RPC_INTERNAL = -32603,
	HD_RPC_REFUSED = -32000, /* valid, but it can't be done: error.message says why */
};

#endif
