package sqlstore_test

import (
	"database/sql"
	"fmt"
	"log"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/nokkel/nokkel/selfservice"
	"github.com/nokkel/nokkel/selfservice/sqlstore"
)

// How do many processes share their clients in PostgreSQL?
func Example() {
	db, err := sql.Open("pgx", "postgres://app@db.example.no/app") // the primary
	if err != nil {
		log.Fatal(err)
	}
	table := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Scheduled: true} // table.Create(ctx) makes it
	rotator := func(client string) *selfservice.Rotator {
		return &selfservice.Rotator{ /* Provider: …, */ Store: table.Store(client)}
	}
	fleet := &selfservice.Fleet{Rotator: rotator, Agenda: table.Agenda("")} // fleet.RotateDue(ctx), from cron or a loop
	fmt.Println(fleet.Agenda != nil)
	// Output: true
}

// Which statement does a database administrator run, where the program may not
// create tables?
func ExampleTable_Schema() {
	db, err := sql.Open("pgx", "postgres://app@db.example.no/app")
	if err != nil {
		log.Fatal(err)
	}
	schema, err := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Name: "auth.client_keys"}.Schema()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(schema)
	// Output: CREATE TABLE IF NOT EXISTS auth.client_keys (name text COLLATE "C" PRIMARY KEY, version bigint NOT NULL, state bytea NOT NULL)
}

// What makes a table one that a Fleet reads only as far as clients are due?
func ExampleTable_Migration() {
	db, err := sql.Open("pgx", "postgres://app@db.example.no/app")
	if err != nil {
		log.Fatal(err)
	}
	statements, err := sqlstore.Table{DB: db, Dialect: sqlstore.PostgreSQL, Scheduled: true}.Migration()
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range statements {
		fmt.Println(s)
	}
	// Output: ALTER TABLE nokkel_state ADD COLUMN due bigint NOT NULL DEFAULT 0, ADD UNIQUE (due, name)
}
