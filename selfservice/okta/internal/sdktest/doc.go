// Package sdktest holds Okta's own Go SDK and Okta's OpenAPI document against
// package okta and its fake. It is a module of its own, so that nobody else
// depends on the SDK, and it keeps nothing of either.
package sdktest
