-- Who may do what in the database of polyomics. Run it as a superuser, connected to that database, before the first
-- `polyomics db upgrade` and again after every one; running it twice changes nothing:
--
--     psql --set ON_ERROR_STOP=1 --file deploy/postgresql/roles.sql polyomics
--
-- The roles can log in once they have passwords: \password polyomics_worker, and so on. People get roles of their own:
--     CREATE ROLE alice LOGIN IN ROLE polyomics_reader;
--
--     polyomics_owner      makes and changes the tables: `polyomics db upgrade`, `polyomics db copy`. Nobody else can.
--     polyomics_worker     runs studies: `polyomics worker`, `polyomics run`
--     polyomics_submitter  asks for studies: `polyomics submit`, `cancel`, `retry`, `priority`
--     polyomics_reader     looks: `polyomics status`, `query`, `export`, `show`
BEGIN;

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['polyomics_owner', 'polyomics_worker', 'polyomics_submitter', 'polyomics_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', name);
        END IF;
        EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), name);
        EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), name);
    END LOOP;
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
END $$;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO polyomics_owner;
GRANT USAGE ON SCHEMA public TO polyomics_worker, polyomics_submitter, polyomics_reader;

-- Tables still to come can be read by all, and written by none but their owner until this file says so.
ALTER DEFAULT PRIVILEGES FOR ROLE polyomics_owner IN SCHEMA public
    GRANT SELECT ON TABLES TO polyomics_worker, polyomics_submitter, polyomics_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE polyomics_owner IN SCHEMA public
    GRANT USAGE ON SEQUENCES TO polyomics_worker, polyomics_submitter;

DO $$
BEGIN
    IF to_regclass('public.study') IS NULL THEN
        RAISE NOTICE 'there are no tables yet: make them with `polyomics db upgrade` as polyomics_owner, then run this again';
        RETURN;
    END IF;

    REVOKE ALL ON ALL TABLES IN SCHEMA public FROM polyomics_worker, polyomics_submitter, polyomics_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO polyomics_worker, polyomics_submitter, polyomics_reader;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO polyomics_worker, polyomics_submitter;

    -- A study is entered by who asks for it, and by the worker that takes a wish from the dashboard.
    GRANT INSERT ON polymer, structure, protocol, study, campaign, campaign_study
        TO polyomics_worker, polyomics_submitter;
    GRANT UPDATE (status, started, ended, priority, pool, flow_run_id) ON study TO polyomics_worker;
    GRANT UPDATE (status, started, ended, priority, pool) ON study TO polyomics_submitter;

    -- Who is cancelled and wanted again loses what holds it.
    GRANT UPDATE (ended, outcome) ON attempt TO polyomics_submitter;

    -- What a worker leaves: itself, its attempts, results. It takes back only what it judges anew.
    GRANT INSERT, UPDATE ON worker, attempt, duty, stage, measurement, criterion, failure, artifact, provenance
        TO polyomics_worker;
    GRANT INSERT, DELETE ON flag_set TO polyomics_worker;
    GRANT DELETE ON criterion, failure TO polyomics_worker;
END $$;

COMMIT;
