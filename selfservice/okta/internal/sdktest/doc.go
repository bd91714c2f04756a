// Package sdktest tests package okta and its fake against Okta's own Go SDK and
// Okta's OpenAPI document. It is a module of its own, so that nothing else depends
// on the SDK.
package sdktest
