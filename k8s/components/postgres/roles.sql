-- The roles of docs/runbooks/postgres.md, made by the administrator of the server. Run again, it gives the roles these passwords.
SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['payterms_owner', 'payterms_wallet', 'payterms_invoicing', 'payterms_credit', 'payterms_plans']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec
ALTER ROLE payterms_owner PASSWORD :'owner';
ALTER ROLE payterms_wallet PASSWORD :'wallet';
ALTER ROLE payterms_invoicing PASSWORD :'invoicing';
ALTER ROLE payterms_credit PASSWORD :'credit';
ALTER ROLE payterms_plans PASSWORD :'plans';
SELECT 'CREATE DATABASE payterms OWNER payterms_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'payterms') \gexec
