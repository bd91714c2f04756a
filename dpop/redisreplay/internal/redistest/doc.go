// Package redistest runs redisreplay on a live Redis. It is a module of its own,
// so that users of nokkel do not see the clients.
package redistest
