// Package selfservice rotates the credentials of an OAuth client while the
// program that owns them runs: it makes a new key or secret, saves it,
// registers it at the authorization server beside the old one, proves it with
// a real token, switches, and retires the old one. It can be killed at any
// instant and goes on where it was.
//
// Most callers adopt the credential that was registered by hand, once, and
// let a [Rotator] run beside their program:
//
//	rotator := &selfservice.Rotator{Provider: client, Store: filestore.Dir("/var/lib/app/key")}
//	if err := rotator.Adopt(ctx, selfservice.Credential{Key: key}); err != nil {
//		return err
//	}
//	go rotator.Run(ctx)
//
// The life of a credential; its state is saved at each arrow:
//
//	made -> registered -> proved by real tokens, over a time -> active
//	                                                              |
//	gone <- removed <- turned off, the new one proved alone <- retiring
//
// What the server refuses soon after the switch goes back to be proved once
// more; what it refuses later is replaced by one that it accepts, from the store
// or, where a provider can make one, from the server.
//
// The Rotator is a keys.Source (and keys.SecretSource): whatever signs with it
// uses the credential of the moment. Programs that would rather run from cron
// call [Rotator.RunDue].
//
// A [Provider] speaks for one client at one authorization server; see the
// packages helseid, okta, keycloak, dcr and jwksurl below this one. The example
// of package rest is a provider of your own, checked by package providertest. A
// [Store] keeps the state: [Mem], packages filestore and sqlstore, or your own,
// checked by package storetest.
package selfservice
