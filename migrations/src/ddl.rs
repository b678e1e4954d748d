//! One way to write a table for both databases.
//!
//! Money is BIGINT in millionths, a count BIGINT, an instant `{time}`; a decimal or float column
//! does not exist (a test reads the schema).

use crate::indexes;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, Statement};
use sea_orm_migration::{MigrationName, MigrationTrait, SchemaManager, prelude::async_trait};

/// A table: its name, columns and constraints, whether rows belong to tenants, and whether the
/// service may change them after they were written.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Name.
    pub name: &'static str,
    /// Columns and constraints, with `{uuid}`, `{time}`, `{bytes}`, `{serial}` for their types.
    pub columns: &'static str,
    /// `CREATE INDEX` statements, or nothing.
    pub indexes: &'static [&'static str],
    /// Who may see and change its rows.
    pub guard: Guard,
}

/// One migration: statements that both databases take, then tables.
///
/// On PostgreSQL the owner who runs it is under row-level security too, and has no tenant. A
/// statement that reads or moves rows, or adds a foreign key to a table that has some, takes FORCE
/// off the tables it touches and puts it back, in the same step (as [`DataStep`] and
/// `tenant_last.sql` do): it has those tables locked anyway, and others wait for no more.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Its name, which is also the version that a service waits for.
    pub name: &'static str,
    /// Statements for PostgreSQL alone, first.
    pub postgres: &'static [&'static str],
    /// Statements for both, next, with the types of [`Table::columns`], and `{as_caller}` after a
    /// view's name. No index: one of a table in use is among [`indexes::INDEXES`].
    pub statements: &'static [&'static str],
    /// Tables, last.
    pub tables: &'static [Table],
}

/// A step of a schema.
pub trait SchemaStep: MigrationTrait {
    /// All text that the step is made of. A step that a release has never changes: a test compares
    /// its hash.
    fn text(&self) -> String;
}

impl SchemaStep for Step {
    fn text(&self) -> String {
        let tables = self.tables.iter().flat_map(|table| {
            [table.name, table.columns, table.guard.name()]
                .into_iter()
                .chain(table.indexes.iter().copied())
        });
        let texts: Vec<_> = self
            .postgres
            .iter()
            .copied()
            .chain(["then"])
            .chain(self.statements.iter().copied())
            .chain(tables)
            .collect();
        texts.join(";\n")
    }
}

impl SchemaStep for DataStep {
    fn text(&self) -> String {
        format!("{};\n{}", self.step.text(), self.unguarded.join(";\n"))
    }
}

impl SchemaStep for CheckStep {
    fn text(&self) -> String {
        [self.step.text().as_str(), self.table, self.constraint, self.before, self.after]
            .join(";\n")
    }
}

impl SchemaStep for RebuildStep {
    fn text(&self) -> String {
        let indexes = self.indexes.iter().chain(self.new_indexes).copied();
        [self.step.text().as_str(), self.table, self.without]
            .into_iter()
            .chain(indexes)
            .collect::<Vec<_>>()
            .join(";\n")
    }
}

impl MigrationName for Step {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Step {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let conn = manager.get_connection();
        let texts: &[&str] =
            if manager.get_database_backend() == DbBackend::Postgres { self.postgres } else { &[] };
        let postgres = manager.get_database_backend() == DbBackend::Postgres;
        for statement in texts.iter().chain(self.statements) {
            indexes::check(self.name, statement)?;
            conn.execute_unprepared(&types(statement, postgres)).await?;
        }
        create(manager, self.tables).await
    }
}

/// A step that reads or moves rows of tables in use: on PostgreSQL they are not under FORCE
/// row-level security while it runs.
#[derive(Debug, Clone, Copy)]
pub struct DataStep {
    /// What it does.
    pub step: Step,
    /// The guarded tables whose rows it reads or moves.
    pub unguarded: &'static [&'static str],
}

impl MigrationName for DataStep {
    fn name(&self) -> &str {
        self.step.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for DataStep {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let unguarded: &[&str] = if manager.get_database_backend() == DbBackend::Postgres {
            self.unguarded
        } else {
            &[]
        };
        for table in unguarded {
            manager
                .get_connection()
                .execute_unprepared(&format!("ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY"))
                .await?;
        }
        self.step.up(manager).await?;
        for table in unguarded {
            manager
                .get_connection()
                .execute_unprepared(&format!("ALTER TABLE {table} FORCE ROW LEVEL SECURITY"))
                .await?;
        }
        Ok(())
    }
}

/// A step that also replaces the CHECK of one column of a table in use.
///
/// SQLite has no statement for that: its documentation of ALTER TABLE ("Making other kinds of table
/// schema changes") has the text of the table changed where it is kept, which is safe for a
/// constraint that the rows meet already.
#[derive(Debug, Clone, Copy)]
pub struct CheckStep {
    /// What it does besides, first.
    pub step: Step,
    /// The table.
    pub table: &'static str,
    /// PostgreSQL's name of the constraint.
    pub constraint: &'static str,
    /// What the constraint was, as the table's columns say it.
    pub before: &'static str,
    /// What it is from now on; the rows meet it.
    pub after: &'static str,
}

impl MigrationName for CheckStep {
    fn name(&self) -> &str {
        self.step.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for CheckStep {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.step.up(manager).await?;
        let Self { table, constraint, before, after, .. } = self;
        let conn = manager.get_connection();
        if manager.get_database_backend() == DbBackend::Postgres {
            let alter = format!(
                "ALTER TABLE {table} DROP CONSTRAINT {constraint}, ADD CONSTRAINT {constraint} CHECK ({after})"
            );
            return conn.execute_unprepared(&alter).await.map(|_| ());
        }
        conn.execute_unprepared("PRAGMA writable_schema = ON").await?;
        let update = format!(
            "UPDATE sqlite_schema SET sql = replace(sql, 'CHECK ({before})', 'CHECK ({after})') WHERE type = 'table' AND name = '{table}'"
        );
        conn.execute_unprepared(&update).await?;
        // Ends the permission and reads the schema anew.
        conn.execute_unprepared("PRAGMA writable_schema = RESET").await.map(|_| ())
    }
}

/// A step that takes a UNIQUE constraint off a table in use.
///
/// SQLite has no statement for that: the table is made anew from its own text without the
/// constraint, and takes the rows of the old one (its documentation of ALTER TABLE, "Making other
/// kinds of table schema changes"). No other table may refer to it.
#[derive(Debug, Clone, Copy)]
pub struct RebuildStep {
    /// What it does first; PostgreSQL drops the constraint in it.
    pub step: Step,
    /// The table.
    pub table: &'static str,
    /// The constraint, as the table's columns say it.
    pub without: &'static str,
    /// Its indexes, which go with the old table.
    pub indexes: &'static [&'static str],
    /// Indexes that it gets.
    pub new_indexes: &'static [&'static str],
}

impl MigrationName for RebuildStep {
    fn name(&self) -> &str {
        self.step.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for RebuildStep {
    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }

    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        self.step.up(manager).await?;
        let Self { table, without, .. } = self;
        let conn = manager.get_connection();
        if manager.get_database_backend() != DbBackend::Postgres {
            let select =
                format!("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = '{table}'");
            let row = conn.query_one_raw(Statement::from_string(DbBackend::Sqlite, select)).await?;
            let text: String = row
                .ok_or_else(|| DbErr::Custom(format!("there is no table {table}")))?
                .try_get("", "sql")?;
            let anew = text.replacen(without, "", 1).replacen(table, &format!("{table}_anew"), 1);
            if !text.contains(without) {
                return Err(DbErr::Custom(format!("{table} has no{without}")));
            }
            let moves = [
                anew,
                format!("INSERT INTO {table}_anew SELECT * FROM {table}"),
                format!("DROP TABLE {table}"),
                format!("ALTER TABLE {table}_anew RENAME TO {table}"),
            ];
            for statement in moves.iter().map(String::as_str).chain(self.indexes.iter().copied()) {
                conn.execute_unprepared(statement).await?;
            }
        }
        for index in self.new_indexes {
            conn.execute_unprepared(index).await?;
        }
        Ok(())
    }
}

/// Guards each table of the schema that row-level security does not guard yet: the service's
/// runtime role sees all of it, everybody else nothing, whatever they were granted. The migrations'
/// own table is the owner's to write.
pub(crate) const SERVICE_ONLY: &str = "DO $$ DECLARE name regclass; BEGIN \
     FOR name IN SELECT oid FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r' AND NOT relrowsecurity \
     ORDER BY relname LOOP \
       EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name); \
       IF name = 'seaql_migrations'::regclass THEN \
         EXECUTE format('CREATE POLICY service ON %s FOR SELECT TO %I USING (true)', name, 'payterms_' || current_schema()); \
       ELSE \
         EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name); \
         EXECUTE format('CREATE POLICY service ON %s TO %I USING (true) WITH CHECK (true)', name, 'payterms_' || current_schema()); \
       END IF; \
     END LOOP; END $$";

/// Who may see and change the rows of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Rows of tenants, under row-level security.
    Tenant,
    /// The same, and rows never change nor go.
    AppendOnly,
    /// The chassis' own, across tenants: for the service alone.
    System,
}

impl Guard {
    const fn name(self) -> &'static str {
        match self {
            Self::Tenant => "tenant",
            Self::AppendOnly => "append only",
            Self::System => "system",
        }
    }
}

/// Creates tables.
///
/// # Errors
/// The error of the statement that failed.
pub async fn create(manager: &SchemaManager<'_>, tables: &[Table]) -> Result<(), DbErr> {
    let conn = manager.get_connection();
    let postgres = manager.get_database_backend() == DbBackend::Postgres;
    for table in tables {
        let columns = types(table.columns, postgres);
        conn.execute_unprepared(&format!("CREATE TABLE {} ({columns})", table.name)).await?;
        for index in table.indexes {
            conn.execute_unprepared(index).await?;
        }
        if postgres {
            guard(conn, table).await?;
        }
    }
    Ok(())
}

fn types(columns: &str, postgres: bool) -> String {
    let pairs = if postgres {
        [
            ("{uuid}", "uuid"),
            ("{time}", "timestamptz"),
            ("{bytes}", "bytea"),
            ("{serial}", "bigserial PRIMARY KEY"),
            // Row-level security asks who reads the view, not who made it.
            ("{as_caller}", "WITH (security_invoker = true)"),
        ]
    } else {
        [
            ("{uuid}", "BLOB"),
            ("{time}", "TEXT"),
            ("{bytes}", "BLOB"),
            ("{serial}", "INTEGER PRIMARY KEY AUTOINCREMENT"),
            ("{as_caller}", ""),
        ]
    };
    pairs.iter().fold(columns.to_owned(), |text, (mark, name)| text.replace(mark, name))
}

async fn guard<C: ConnectionTrait>(conn: &C, table: &Table) -> Result<(), DbErr> {
    let name = table.name;
    if table.guard == Guard::System {
        conn.execute_unprepared(SERVICE_ONLY).await?;
    } else {
        let policy = "tenant = ANY ((SELECT payterms_tenants())::text[])";
        for statement in [
            format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"),
            format!("ALTER TABLE {name} FORCE ROW LEVEL SECURITY"),
            format!("CREATE POLICY tenant ON {name} USING ({policy}) WITH CHECK ({policy})"),
        ] {
            conn.execute_unprepared(&statement).await?;
        }
    }
    let verbs = if table.guard == Guard::AppendOnly {
        "SELECT, INSERT"
    } else {
        "SELECT, INSERT, UPDATE, DELETE"
    };
    // The runtime role is named after the schema; `run` makes both.
    let grant = format!(
        "DO $$ BEGIN EXECUTE format('GRANT {verbs} ON {name} TO %I', 'payterms_' || current_schema()); \
         EXECUTE format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %I TO %I', current_schema(), 'payterms_' || current_schema()); END $$"
    );
    conn.execute_unprepared(&grant).await.map(|_| ())
}
